"""`init`: writes a project around a model, such that `up` accepts it at once."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slsdeploy import plugins
from slsdeploy.bundle import model as models
from slsdeploy.bundle import sample
from slsdeploy.config import FILE, NAME, NAME_LENGTH
from slsdeploy.errors import ConfigError, ProjectError
from slsdeploy.results.prepare import Initialised

EVENT = "event.json"
MOST_OF_INPUT = 2000  # characters
IGNORED = ".slsdeploy/\n__pycache__/\n"


def init(folder: Path, model: Path, triggers: list[str], name: str | None) -> Initialised:
    """Write slsdeploy.toml, an event to try (and .gitignore), and copy the model beside it when it lies elsewhere.

    Raises ProjectError when the folder has a project already, or the model cannot be served; ConfigError for a name that cannot be.
    """
    target = folder / FILE
    if target.exists():
        raise ProjectError(f"there is a {FILE} already", hint="edit it, or choose another folder", where=str(target))
    triggers = list(dict.fromkeys(triggers))
    known = [*plugins.event_sources()]
    unknown = [word for word in triggers if word not in known]
    if unknown:
        raise ConfigError(f"unknown trigger {unknown[0]!r}", hint=f"one of: {', '.join(known)}")
    chosen = name or project_name(folder.resolve().name or model.stem)
    if not re.fullmatch(NAME, chosen) or len(chosen) > NAME_LENGTH:
        hint = f"--name {project_name(chosen)}"
        raise ConfigError(
            f"{chosen!r} cannot be a name: lower-case letters, digits, single hyphens, {NAME_LENGTH} at most", hint=hint
        )
    info = models.inspect(model)
    folder.mkdir(parents=True, exist_ok=True)
    written = [FILE]
    inside = _place(model, folder, written)
    request = {"inputs": sample.sample_inputs(info)}
    target.write_text(toml(chosen, inside, triggers, request), encoding="utf-8")
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(IGNORED, encoding="utf-8")
        written.append(ignore.name)
    event = folder / EVENT
    if not event.exists():
        event.write_text(json.dumps(request) + "\n", encoding="utf-8")
        written.append(event.name)
    return Initialised(path=str(folder), files=written, next=_next(folder, triggers))


def _next(folder: Path, triggers: list[str]) -> list[str]:
    """Return the commands that show the project at work."""
    place = shlex.quote(str(folder))
    samples = [f"slsdeploy invoke {place} --local --sample {each}" for each in triggers if each != "http"]
    asked = (
        f"slsdeploy invoke {place} --local{' --url' * ('http' in triggers)} --event {shlex.quote(str(folder / EVENT))}"
    )
    return [f"slsdeploy up {place} --local", asked, *samples]


def toml(name: str, model: str, triggers: list[str], request: Mapping[str, Any]) -> str:
    """Return the text of a project file; `request` is what a schedule sends, unless it is much to read."""
    # JSON's strings are TOML's
    head = f"name = {json.dumps(name)}\nmodel = {json.dumps(model, ensure_ascii=False)}\n"
    sent = f"input = {_inline(request)}\n"
    more = {"schedule": sent} if len(sent) <= MOST_OF_INPUT else {}
    return head + "".join(f'\n[[trigger]]\ntype = "{trigger}"\n{more.get(trigger, "")}' for trigger in triggers)


def _inline(value: Any) -> str:
    """Write a value of JSON, without null, as TOML has it in a line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_inline(item)}" for name, item in value.items()) + " }"
    return f"[{', '.join(map(_inline, value))}]" if isinstance(value, list) else json.dumps(value)


def project_name(text: str) -> str:
    """Make a name that stacks, functions and queues may have out of any text."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = "-".join(words)[:NAME_LENGTH].strip("-")
    return name if name[:1].isalpha() else f"model-{name}".strip("-")[:NAME_LENGTH]


def _place(model: Path, folder: Path, written: list[str]) -> str:
    """Return the model's path relative to the project; a model from elsewhere is copied in, with its external data."""
    resolved, root = model.resolve(), folder.resolve()
    if resolved.is_relative_to(root):
        return resolved.relative_to(root).as_posix()
    base = resolved.parent
    for file in models.inspect(model).files:
        relative = file.resolve().relative_to(base)
        if (folder / relative).exists():
            hint = f"move it away, or put the model there yourself and name it: --model {folder / relative}"
            raise ProjectError(f"there is a {relative} already", hint=hint, where=str(folder / relative))
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / relative)
        written.append(relative.as_posix())
    return resolved.name
