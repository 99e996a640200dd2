"""`[[trigger]]` and `[output]` tables -> their options, validated against the dataclasses of the event sources and outputs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from slsdeploy import plugins
from slsdeploy.config import wording
from slsdeploy.config.lines import Path
from slsdeploy.config.schema import adapter, options_schema
from slsdeploy.config.sections import Config
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.config.wording import Complaint
from slsdeploy_runtime.names import Creator

Sources = Mapping[str, ModuleType]


@dataclasses.dataclass(frozen=True, slots=True)
class _Sort:
    """What a table may be: how it is called, the modules by the word that `type` takes, what they call the options, an example."""

    name: str
    modules: Sources
    options: str
    example: str


def triggers(tables: Any, sources: Sources) -> tuple[tuple[Any, ...], list[Complaint]]:
    """Return the options of each trigger (None for a bad one) and what is wrong with them."""
    if not isinstance(tables, list):
        return (), [Complaint(("trigger",), f"found {wording.shown(tables)}; expected [[trigger]], in double brackets")]
    sort = _Sort("trigger", sources, "Trigger", 'type = "http"')
    found, complaints = [], []
    for index, table in enumerate(tables):
        trigger, more = _options(table, ("trigger", index), sort)
        found.append(trigger)
        complaints += more
    return tuple(found), [*complaints, *_together(found, sources)]


def output(table: Any, triggers: Sequence[Any]) -> tuple[Any, list[Complaint]]:
    """Return the options of the output (None for none, or a bad one) and what is wrong with it, beside the triggers too."""
    if table is None:
        return None, []
    sort = _Sort("output", plugins.outputs(), "Output", 'type = "sqs"')
    found, complaints = _options(table, ("output",), sort)
    return found, complaints if found is None else [*complaints, *_beside(found, triggers)]


def _together(found: Sequence[Any], sources: Sources) -> Iterator[Complaint]:
    """Complain of what is wrong with triggers only because of the others, as their event sources say."""
    for source in [sources[kind] for kind in dict.fromkeys(each.type for each in found if each is not None)]:
        for problem in source.check(found) if hasattr(source, "check") else ():
            path = ("trigger", problem.at, *([problem.option] if problem.option else []))
            yield Complaint(path, problem.message, problem.hint)


def _beside(output: Any, triggers: Sequence[Any]) -> Iterator[Complaint]:
    """Complain of an output that creates what a trigger creates, and of one whose answers would trigger the function."""
    for index, trigger in enumerate(triggers):
        taken = {(each.kind, each.name) for each in (trigger.creates() if isinstance(trigger, Creator) else ())}
        for each in output.creates():
            if (each.kind, each.name) in taken:
                message = f'the {each.kind} "{each.name}" is created by trigger[{index}] already'
                yield Complaint(("output", each.option), message, "choose another name")
        if output.triggers(trigger):
            message = f"its answers would come back through trigger[{index}], without end"
            yield Complaint(("output",), message, "choose another output, or another source of events")


def _options(table: Any, path: Path, sort: _Sort) -> tuple[Any, list[Complaint]]:
    """Validate one table against the options of its type."""
    if not isinstance(table, dict):
        return None, [Complaint(path, f"found {wording.shown(table)}; expected a table")]
    kind = table.get("type")
    module = sort.modules.get(kind) if isinstance(kind, str) else None
    if module is None:
        return None, [_unknown_type(kind, path, sort)]
    chosen, of = getattr(module, sort.options), f'{sort.name} of type "{kind}"'
    options = [field.name for field in dataclasses.fields(chosen)]
    complaints = [_unknown_option(key, of, options, path) for key in table if key not in options]
    known = {key: value for key, value in table.items() if key in options}
    try:
        return adapter(chosen).validate_json(as_json(known), strict=True), complaints
    except ValidationError as error:
        found = wording.complaints(error.errors(), known, options_schema(chosen))
    return None, complaints + [dataclasses.replace(item, path=(*path, *item.path)) for item in found]


def _unknown_type(kind: Any, path: Path, sort: _Sort) -> Complaint:
    kinds = ", ".join(f'"{kind}"' for kind in sort.modules)
    if kind is None:
        return Complaint((*path, "type"), f"is missing; expected one of {kinds}", sort.example)
    hint = did_you_mean(str(kind), sort.modules)
    return Complaint((*path, "type"), f"found {wording.shown(kind)}; expected one of {kinds}", hint)


def _unknown_option(key: str, of: str, options: list[str], path: Path) -> Complaint:
    article = "an" if of.startswith("output") else "a"
    if key in Config.model_fields:
        # In TOML every key below a header belongs to it.
        hint = f"`{key}` is a key of the file: move it above the first [table]"
        return Complaint((*path, key), f'{article} {of} has no option "{key}"', hint)
    return wording.unknown(key, options, of=f"{article} {of}", path=path)


def as_json(values: Any) -> str:
    """Write TOML values as the JSON that pydantic reads strictly.

    Its strict mode over JSON takes strings for paths and arrays for tuples, and nothing else for anything.
    Dates, which JSON lacks, become what no key takes: an array of tables.
    """
    return json.dumps(values, default=lambda value: [{"date": str(value)}])
