"""Benched -> one HTML page with the waterfall of a cold start, which needs nothing but itself. Pure."""

from __future__ import annotations

from slsdeploy.results import Benched


def page(result: Benched) -> str:
    """Return the page."""
    return f"<!doctype html><title>{result.name}</title>"
