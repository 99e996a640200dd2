"""An API of one's own around the model: named measurements in, the cultivar with the model's confidence out."""

from contextlib import asynccontextmanager

import numpy as np
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from slsdeploy_runtime import asgi_app, get_model

COLUMNS = (
    *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
    *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280_od315", "proline"),
)


class Wine(BaseModel):
    """A chemical analysis; what was not measured is left out, and taken to be as in most wines."""

    alcohol: float = Field(13.0, ge=0, le=100, description="per cent by volume")
    malic_acid: float = Field(1.9, ge=0)
    ash: float = Field(2.4, ge=0)
    alcalinity_of_ash: float = Field(19.5, ge=0)
    magnesium: float = Field(98.0, ge=0)
    total_phenols: float = Field(2.3, ge=0)
    flavanoids: float = Field(2.1, ge=0)
    nonflavanoid_phenols: float = Field(0.34, ge=0)
    proanthocyanins: float = Field(1.6, ge=0)
    color_intensity: float = Field(4.7, ge=0)
    hue: float = Field(1.0, ge=0)
    od280_od315: float = Field(2.8, ge=0)
    proline: float = Field(674.0, ge=0)


class Guess(BaseModel):
    """The likeliest of three cultivars."""

    cultivar: str
    confidence: float
    all: dict[str, float]


@asynccontextmanager
async def lifespan(app: FastAPI):
    """Run once when an execution environment starts; the model is loaded by then."""
    yield {"model": get_model()}


app = FastAPI(title="wine", lifespan=lifespan)


@app.post("/predict")
def predict(wines: list[Wine], request: Request) -> list[Guess]:
    """Tell the cultivar of each wine."""
    rows = np.array([[getattr(wine, name) for name in COLUMNS] for wine in wines], np.float32).reshape(-1, len(COLUMNS))
    outputs = request.state.model.run({"measurements": rows})
    # the model answers with a list of maps, as scikit-learn's export makes them
    return [
        Guess(cultivar=label, confidence=shares[label], all=shares)
        for label, shares in zip(outputs["output_label"], outputs["output_probability"], strict=True)
    ]


app.mount("/model", asgi_app())  # slsdeploy's own routes: /model/v2/..., /model/docs
