"""The usual with a web framework: FastAPI behind Mangum, with Powertools' Logger and Metrics."""

import os

import numpy as np
import onnxruntime
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

logger = Logger(service="usual")
metrics = Metrics(namespace="usual", service="usual")
app = FastAPI()
session = onnxruntime.InferenceSession(os.path.join(os.path.dirname(__file__), "model.onnx"))
types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


class Question(BaseModel):
    inputs: dict[str, list]


@app.post("/predict")
def predict(question: Question):
    arrays = {i.name: np.array(question.inputs[i.name], types[i.type]) for i in session.get_inputs()}
    outputs = session.run(None, arrays)
    metrics.add_metric(name="Predictions", unit=MetricUnit.Count, value=1)
    return {"outputs": {o.name: value.tolist() for o, value in zip(session.get_outputs(), outputs)}}


handler = logger.inject_lambda_context(metrics.log_metrics(Mangum(app), capture_cold_start_metric=True))
