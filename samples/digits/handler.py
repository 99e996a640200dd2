"""PNG in, digit out. White on black, as the network was trained; any size and mode, brought to 8 x 8 shades of grey."""

from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from slsdeploy_runtime import BadInput, Request


def preprocess(request: Request) -> dict[str, np.ndarray]:
    """Decode one picture: 64 numbers from 0 (black) to 1 (white), row by row."""
    if not isinstance(request.data, bytes):
        raise BadInput("expected a PNG, found JSON")
    try:
        image = Image.open(BytesIO(request.data), formats=["PNG"]).convert("L")
    # What pillow raises for other files, cut ones, broken ones and enormous ones.
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"expected a PNG, found {len(request.data)} bytes that are none: {error}") from error
    image = image if image.size == (8, 8) else image.resize((8, 8))
    return {"pixels": np.asarray(image, dtype=np.float32).reshape(1, 64) / np.float32(255)}


def postprocess(outputs: dict[str, np.ndarray]) -> object:
    """Answer the digit, and how likely each digit is."""
    return {"digit": outputs["label"][0], "probabilities": outputs["probabilities"][0].round(4)}
