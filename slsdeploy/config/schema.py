"""The JSON Schema of slsdeploy.toml, for editors: the keys of Config, the options of every trigger, the stages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter

from slsdeploy import plugins
from slsdeploy.config.sections import NAME, Config

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_FILE = "a model and what calls it on AWS Lambda"
_STAGES = "what differs in a stage: any key of the file, by the stage's name"


def json_schema(sources: Mapping[str, ModuleType] | None = None) -> dict[str, Any]:
    """Return the schema of the whole file; `sources` are the event sources (default: those that are installed)."""
    sources = plugins.event_sources() if sources is None else sources
    schema = config_schema()
    properties = schema["properties"]
    options = [options_schema(source.Trigger) for source in sources.values()]
    properties["trigger"] = {
        "description": properties["trigger"]["description"],
        "type": "array",
        "items": {"oneOf": options} if sources else {"type": "object"},
    }
    properties["output"] = {
        "description": properties["output"]["description"],
        "oneOf": [options_schema(output.Output) for output in plugins.outputs().values()],
    }
    # A stage may have any of these, and need have none.
    same = {key: {"$ref": f"#/properties/{key}"} for key in properties}
    properties["stages"] = {
        "description": _STAGES,
        "type": "object",
        "propertyNames": {"pattern": NAME, "maxLength": 31},
        "additionalProperties": {"type": "object", "additionalProperties": False, "properties": same},
    }
    both = {"required": ["model", "models"]}
    return {"$schema": _DRAFT, **schema, "title": "slsdeploy.toml", "description": _FILE, "not": both}


def config_schema() -> dict[str, Any]:
    """Return the schema of Config's own keys, without the titles that pydantic adds."""
    schema: dict[str, Any] = _plain(Config.model_json_schema())
    return schema


def options_schema(options: type) -> dict[str, Any]:
    """Return the schema of a trigger's or output's options; descriptions are the fields' `metadata["description"]`."""
    schema: dict[str, Any] = _plain(adapter(options).json_schema())
    for field in dataclasses.fields(options):
        if "schema" in field.metadata:
            schema["properties"][field.name] = dict(import_module(field.metadata["schema"]).SCHEMA)
        if "description" in field.metadata:
            schema["properties"][field.name]["description"] = field.metadata["description"]
    # What a docstring says of errors is for who writes code.
    description = re.sub(r"\s*Raises .*", "", schema.get("description", ""), flags=re.DOTALL)
    return {**schema, "description": description, "additionalProperties": False, "required": ["type"]}


@cache
def adapter(options: type) -> TypeAdapter[Any]:
    """Return what validates the options of a trigger or output."""
    return TypeAdapter(options)


def _plain(schema: Any) -> Any:
    """Leave out titles and "or null": TOML has no null, a key is absent instead."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _plain(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    if schema.get("default", "") is None:
        del schema["default"]
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        schema = {**options[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
    elif options:
        schema["anyOf"] = options
    return schema
