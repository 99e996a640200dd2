"""The usual: a handler as one writes it by hand with Powertools, for a Function URL."""

import os

import numpy as np
import onnxruntime
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="usual")
metrics = Metrics(namespace="usual", service="usual")
app = LambdaFunctionUrlResolver()
session = onnxruntime.InferenceSession(os.path.join(os.path.dirname(__file__), "model.onnx"))
types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


@app.post("/predict")
def predict():
    inputs = app.current_event.json_body["inputs"]
    arrays = {i.name: np.array(inputs[i.name], types[i.type]) for i in session.get_inputs()}
    outputs = session.run(None, arrays)
    metrics.add_metric(name="Predictions", unit=MetricUnit.Count, value=1)
    return {"outputs": {o.name: value.tolist() for o, value in zip(session.get_outputs(), outputs)}}


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return app.resolve(event, context)
