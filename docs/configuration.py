"""The JSON Schema of slsdeploy.toml -> docs/configuration.md, as tables; written by `python docs/generate.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slsdeploy import config
from slsdeploy.config.wording import expectation, shown

HEAD = """\
# slsdeploy.toml

<!-- Written by `python docs/generate.py` from the code; a test compares them. -->

The whole file of a first project:

```toml
name = "iris"
model = "iris.onnx"

[[trigger]]
type = "http"
```

Everything else has a default. Paths are relative to the project folder and stay inside it; in TOML, keys of the file come before the
first `[table]`. `slsdeploy.lock` appears beside it: the versions of what ships, used again until the requirements change; commit it,
delete it to get newer ones. Every problem is reported at once, with its line. Editors take the JSON Schema that `slsdeploy schema` prints:
begin the file with `#:schema <its path>`.
"""

PRECEDENCE = """
## Where a value comes from

The first that has one: an option of the command (`--set memory=512`), the environment (`SLSDEPLOY_MEMORY=512`, for every key that is
one value; `SLSDEPLOY_STAGE` for the stage), the stage's table (`[stages.prod]`), the file, the default.

`--set KEY=VALUE` takes a value as the file would have it (`--set snap_start=true`, `--set 'include=["*.csv"]'`,
`--set 'environment={ LEVEL = "high" }'`), or a word without quotes. Tables are merged with those of the file, arrays replace them.
"""

STAGES = """
## `[stages.NAME]`

Any key of the file, for the stage that `--stage NAME` chooses (default: `dev`). Tables are merged key by key, arrays are replaced.
A stage need not be in the file. All stages are checked, whichever is asked for.

```toml
[stages.prod]
memory = 3008
```
"""


OUTPUT = """\
Where answers go that nobody waits for: those to `s3`, `sqs`, `sns`, `kinesis`, `dynamodb`, `kafka`, `eventbridge` and `schedule` triggers,
unless a trigger says otherwise (`output = ...`). See [outputs.md](outputs.md).
"""


def configuration() -> str:
    """Return the page."""
    schema = config.json_schema()
    tables = ("stages", "trigger", "output", "vpc", "file_system", "image", "check", "policy")
    keys = {key: value for key, value in schema["properties"].items() if key not in tables}
    defined = schema["$defs"]
    model = defined["ModelConfig"]
    lines = [HEAD, "## Keys\n", *_table(keys, schema["required"]), PRECEDENCE]
    lines += ["## `[models.NAME]`\n", "Several models in one function, instead of `model`.\n"]
    lines += _table(model["properties"], model["required"])
    for key, name in (
        ("image", "Image"),
        ("vpc", "Vpc"),
        ("file_system", "FileSystem"),
        ("check", "Check"),
        ("policy", "Policy"),
    ):
        heading = "[[policy]]" if key == "policy" else f"[{key}]"
        lines += [f"## `{heading}`\n", f"{_sentence(defined[name]['description'])}\n"]
        lines += _table(defined[name]["properties"], defined[name].get("required", ()))
    lines += [STAGES, "## `[[trigger]]`\n"]
    lines += ["What calls the function; there may be several. Without one it answers `invoke` and the Lambda API.\n"]
    for trigger in schema["properties"]["trigger"]["items"]["oneOf"]:
        lines += _options(trigger)
    lines += ["## `[output]`\n", OUTPUT]
    for output in schema["properties"]["output"]["oneOf"]:
        lines += _options(output)
    return "\n".join(lines).rstrip() + "\n"


def _options(schema: Mapping[str, Any]) -> Iterator[str]:
    options = {key: value for key, value in schema["properties"].items() if key != "type"}
    yield f'### `type = "{schema["properties"]["type"]["const"]}"`\n'
    yield f"{schema.get('description', '')}\n"
    yield from _table(options, ())


def _table(properties: Mapping[str, Any], required: object) -> Iterator[str]:
    is_described = any("description" in value for value in properties.values())
    yield "| key | values | default |" + (" |" if is_described else "")
    yield "|---|---|---|" + ("---|" if is_described else "")
    for key, value in properties.items():
        default = _default(value) if key not in required else "required"  # type: ignore[operator]
        described = f" {_cell(value.get('description', ''))} |" if is_described else ""
        yield f"| `{key}` | {_cell(expectation(value))} | {default} |{described}"
    yield ""


def _sentence(description: str) -> str:
    text = description.partition(": ")[2]
    return text[0].upper() + text[1:]


def _default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    return f"`[{', '.join(shown(item) for item in value)}]`" if isinstance(value, list) else f"`{shown(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").removeprefix("one of ")
