"""Which model answers: what the fallbacks of models and the `model` of triggers name must be there, and fallbacks must come to an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slsdeploy.config import wording
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.config.wording import Complaint


def complaints(values: Mapping[str, Any]) -> Iterator[Complaint]:
    """Complain of names that no model has, and of fallbacks in a circle; values of wrong types are complained of elsewhere."""
    models = values.get("models")
    tables = {
        name: table for name, table in (models.items() if isinstance(models, dict) else ()) if isinstance(table, dict)
    }
    fallbacks = {name: table["fallback"] for name, table in tables.items() if isinstance(table.get("fallback"), str)}
    for name, fallback in fallbacks.items():
        if fallback not in tables:
            yield _unknown(("models", name, "fallback"), fallback, [each for each in tables if each != name])
    yield from _circles(fallbacks)
    # a single model is served under the project's name
    served = list(tables) if tables else [name for name in [values.get("name")] if isinstance(name, str)]
    triggers = values.get("trigger")
    for index, table in enumerate(triggers if isinstance(triggers, list) else ()):
        named = table.get("model") if isinstance(table, dict) else None
        if isinstance(named, str) and named not in served:
            yield _unknown(("trigger", index, "model"), named, served)


def _unknown(path: tuple[str | int, ...], found: str, known: list[str]) -> Complaint:
    there = " or ".join(map(wording.shown, known)) or "another model"
    return Complaint(path, f"found {wording.shown(found)}; expected {there}", did_you_mean(found, known))


def _circles(fallbacks: Mapping[str, str]) -> Iterator[Complaint]:
    """Complain once of each circle, at the model in it that comes first in the file."""
    for start in fallbacks:
        chain = [start]
        while (following := fallbacks.get(chain[-1])) is not None and following not in chain:
            chain.append(following)
        if following == start and start == min(chain, key=list(fallbacks).index):
            shown = " -> ".join([*chain, start])
            hint = "let the last one have none, or a constant: { outputs = {...} }"
            yield Complaint(("models", start, "fallback"), f"leads back to itself ({shown})", hint)
