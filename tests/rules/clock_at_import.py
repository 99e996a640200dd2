"""A day that is that of the start, in a module that the handler imports."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = """
from days import TODAY

def postprocess(outputs):
    return {"day": TODAY}
"""
DAYS = """
import datetime

TODAY = datetime.date.today()
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER, "days.py": DAYS})
