"""`[[trigger]]` tables -> the options of their event sources, validated against the sources' own dataclasses."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from slsdeploy.config import wording
from slsdeploy.config.lines import Path
from slsdeploy.config.schema import adapter, trigger_schema
from slsdeploy.config.sections import Config
from slsdeploy.config.wording import Complaint

Sources = Mapping[str, ModuleType]


def triggers(tables: Any, sources: Sources) -> tuple[tuple[Any, ...], list[Complaint]]:
    """Return the options of each trigger (None for a bad one) and what is wrong with them."""
    if not isinstance(tables, list):
        return (), [Complaint(("trigger",), f"found {wording.shown(tables)}; expected [[trigger]], in double brackets")]
    found, complaints = [], []
    for index, table in enumerate(tables):
        trigger, more = _trigger(table, ("trigger", index), sources)
        found.append(trigger)
        complaints += more
    return tuple(found), [*complaints, *_together(found, sources)]


def _together(found: Sequence[Any], sources: Sources) -> Iterator[Complaint]:
    """Complain of what is wrong with triggers only because of the others, as their event sources say."""
    for source in sources.values():
        for problem in source.check(found) if hasattr(source, "check") else ():
            path = ("trigger", problem.at, *([problem.option] if problem.option else []))
            yield Complaint(path, problem.message, problem.hint)


def _trigger(table: Any, path: Path, sources: Sources) -> tuple[Any, list[Complaint]]:
    """Validate one `[[trigger]]` against the options of its type."""
    if not isinstance(table, dict):
        return None, [Complaint(path, f"found {wording.shown(table)}; expected a table")]
    kinds = ", ".join(f'"{kind}"' for kind in sources)
    kind = table.get("type")
    if kind is None:
        return None, [Complaint((*path, "type"), f"is missing; expected one of {kinds}", 'type = "http"')]
    if not isinstance(kind, str) or kind not in sources:
        hint = wording.did_you_mean(str(kind), sources)
        return None, [Complaint((*path, "type"), f"found {wording.shown(kind)}; expected one of {kinds}", hint)]
    options = [field.name for field in dataclasses.fields(sources[kind].Trigger)]
    complaints = [_unknown_option(key, kind, options, path) for key in table if key not in options]
    known = {key: value for key, value in table.items() if key in options}
    try:
        return adapter(sources[kind].Trigger).validate_json(as_json(known), strict=True), complaints
    except ValidationError as error:
        found = wording.complaints(error.errors(), known, trigger_schema(sources[kind]))
    return None, complaints + [dataclasses.replace(item, path=(*path, *item.path)) for item in found]


def _unknown_option(key: str, kind: str, options: list[str], path: Path) -> Complaint:
    if key in Config.model_fields:
        # In TOML every key below a header belongs to it.
        hint = f"`{key}` is a key of the file: move it above the first [table]"
        return Complaint((*path, key), f'a trigger of type "{kind}" has no option "{key}"', hint)
    return wording.unknown(key, options, of=f'a trigger of type "{kind}"', path=path)


def as_json(values: Any) -> str:
    """Write TOML values as the JSON that pydantic reads strictly.

    Its strict mode over JSON takes strings for paths and arrays for tuples, and nothing else for anything.
    Dates, which JSON lacks, become what no key takes: an array of tables.
    """
    return json.dumps(values, default=lambda value: [{"date": str(value)}])
