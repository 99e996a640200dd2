"""Amounts -> rectangles that fill one rectangle, each with its share of the area and as square as can be. Pure.

Rows are laid along the shorter side, as long as the worst proportion in a row gets better by one more
(Bruls, Huizing, van Wijk: Squarified Treemaps, https://doi.org/10.1007/978-3-7091-6783-0_4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


def fill(amounts: Sequence[float], box: Box) -> list[Box]:
    """Return a rectangle for each amount; they are positive, the largest first."""
    total = sum(amounts)
    if not amounts or total <= 0:
        return []
    scale = box.width * box.height / total
    areas = [amount * scale for amount in amounts]
    boxes: list[Box] = []
    while areas:
        side = min(box.width, box.height)
        count = 1
        while count < len(areas) and _worst(areas[: count + 1], side) <= _worst(areas[:count], side):
            count += 1
        row, box = _row(areas[:count], box)
        boxes += row
        areas = areas[count:]
    return boxes


def _worst(areas: Sequence[float], side: float) -> float:
    """Return the worst proportion in a row along a side."""
    total = sum(areas)
    if not total or not side:
        return float("inf")
    thick = total / side
    return max(max(thick / (area / thick), (area / thick) / thick) if area else float("inf") for area in areas)


def _row(areas: Sequence[float], box: Box) -> tuple[list[Box], Box]:
    """Lay a row along the shorter side; return it and what is left of the box."""
    total, boxes = sum(areas), []
    if box.width >= box.height:
        thick, at = (total / box.height if box.height else 0.0), box.y
        for area in areas:
            length = area / thick if thick else 0.0
            boxes.append(Box(box.x, at, thick, length))
            at += length
        return boxes, Box(box.x + thick, box.y, max(box.width - thick, 0.0), box.height)
    thick, at = (total / box.width if box.width else 0.0), box.x
    for area in areas:
        length = area / thick if thick else 0.0
        boxes.append(Box(at, box.y, length, thick))
        at += length
    return boxes, Box(box.x, box.y + thick, box.width, max(box.height - thick, 0.0))
