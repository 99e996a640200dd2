"""Template text (JSON, or YAML with `!Ref` and its like) -> plain dicts and lists."""

from __future__ import annotations

import json
from typing import Any

import yaml

from slsdeploy.local.cloudformation.errors import Refused

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _TemplateLoader(_Loader):  # type: ignore[misc]
    """YAML as CloudFormation reads it: short tags, and dates stay text (`Version: 2012-10-17`)."""


_TemplateLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def _short_tag(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_TemplateLoader.add_multi_constructor("!", _short_tag)


def load(text: str) -> dict[str, Any]:
    """Read a template's text. Raises Refused when it is neither JSON nor YAML, or not an object."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _TemplateLoader)  # noqa: S506
    except json.JSONDecodeError as error:
        raise Refused(
            f"Template format error: JSON not well-formed. (line {error.lineno}, column {error.colno})"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise Refused(f"Template format error: YAML not well-formed.{place}") from None
    if not isinstance(found, dict):
        raise Refused("Template format error: unsupported structure.")
    return found
