"""Reads slsdeploy.toml and says which value each key has for a stage; or everything that is wrong with it, at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slsdeploy import plugins
from slsdeploy.config import lines, serving, triggers, wording
from slsdeploy.config.file import FILE, File, read
from slsdeploy.config.given import ENVIRONMENT, OPTION, Given, given
from slsdeploy.config.schema import config_schema
from slsdeploy.config.sections import MOUNT_POINT, NAME, Config
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.config.triggers import Sources, as_json
from slsdeploy.config.wording import Complaint
from slsdeploy.errors import ConfigError, Problem

DEFAULT_STAGE = "dev"


def load(
    path: Path,
    *,
    stage: str | None = None,
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
    sources: Sources | None = None,
) -> tuple[Config, str]:
    """Return the configuration for a stage, and that stage's name ("dev" unless an option or SLSDEPLOY_STAGE says otherwise).

    `path` is the file or its folder; `overrides` are options of the command line by key, None meaning not given;
    `sources` are the event sources (default: those that are installed).
    Every stage in the file is checked, not only the one that is asked for. Raises ConfigError with every problem.
    """
    path = path / FILE if path.is_dir() and path.name != FILE else path
    file = read(path)
    stage = stage or environ.get(f"{ENVIRONMENT}STAGE") or DEFAULT_STAGE
    found = given(overrides, environ)
    sources = plugins.event_sources() if sources is None else sources
    config, problems = _Attempt(file, stage, found, sources).result()
    problems = [*_stage_problems(file, stage), *problems]
    for other in file.stages:
        _, more = _Attempt(file, other, found, sources).result()
        problems += [problem for problem in more if problem not in problems]
    if problems or config is None:
        raise _refusal(path, problems)
    return config, stage


def _refusal(path: Path, problems: list[Problem]) -> ConfigError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    ordered = sorted(problems, key=lambda problem: problem.line)
    is_elsewhere = all(problem.message.startswith((OPTION, ENVIRONMENT)) for problem in problems)
    what = "the configuration" if is_elsewhere else path.name
    return ConfigError(f"{what} has {count}", where=str(path), problems=tuple(ordered))


def _stage_problems(file: File, stage: str) -> Iterator[Problem]:
    stages = file.values.get("stages", {})
    if not isinstance(stages, dict):
        yield file.problem(Complaint(("stages",), f"found {wording.shown(stages)}; expected a table: [stages.NAME]"))
        return
    for name, table in stages.items():
        if not isinstance(table, dict):
            message = f"found {wording.shown(table)}; expected a table: [stages.{name}]"
            yield file.problem(Complaint(("stages", name), message))
    expected = "expected lower-case letters, digits and single hyphens, beginning with a letter, at most 31 characters"
    for name in dict.fromkeys((stage, *stages)):
        if not re.match(NAME, name) or len(name) > 31:  # with the project's name, a Lambda function's 64
            yield file.problem(Complaint(("stages", name), f"found the stage {wording.shown(name)}; {expected}"))
    yield from _misspelt(stage, list(stages))


def _misspelt(stage: str, stages: list[str]) -> Iterator[Problem]:
    """Complain of a stage that is not in the file but nearly: it would deploy a second stack by mistake.

    Others need not be in the file: "pr-12", or "test-12" beside [stages.test], are stages with the file's own values.
    """
    is_meant = stage in (*stages, DEFAULT_STAGE) or any(stage.startswith(f"{name}-") for name in stages)
    meant = "" if is_meant else did_you_mean(stage, stages)
    if meant:
        yield Problem("stage", 0, f'unknown stage "{stage}"', f"{meant} If not, add an empty [stages.{stage}]")


class _Attempt:
    """One stage's values, merged, and what is wrong with them."""

    def __init__(self, file: File, stage: str, given: Given, sources: Sources) -> None:
        self.file = file
        self.stage = stage
        self.given = given
        self.sources = sources
        of_file = {key: value for key, value in file.values.items() if key != "stages"}
        self.values = _merged(_merged(of_file, file.stages.get(stage, {})), given.values)

    def result(self) -> tuple[Config | None, list[Problem]]:
        """Return the configuration, or None and the problems."""
        own = {key: value for key, value in self.values.items() if key not in ("trigger", "output")}
        config, complaints = None, []
        try:
            config = Config.model_validate_json(as_json(own), strict=True)
        except ValidationError as error:
            complaints = wording.complaints(error.errors(), own, config_schema())
        found, more = triggers.triggers(self.values.get("trigger", []), self.sources)
        output, about_output = triggers.output(self.values.get("output"), found)
        complaints += [*_across(self.values), *serving.complaints(self.values), *more, *about_output]
        if config is None or complaints:
            return None, [self.problem(complaint) for complaint in complaints]
        default = {} if "timeout" in own else {"timeout": triggers.timeout(found)}
        return config.model_copy(update={"trigger": found, "output": output, **default}), []

    def problem(self, complaint: Complaint) -> Problem:
        origin = self.given.origin(complaint.path)
        if origin:
            return Problem(wording.dotted(complaint.path), 0, f"{origin}: {complaint.message}", complaint.hint)
        return self.file.problem(complaint, self.stage)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another: tables key by key, everything else replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = below.get(key)
        merged[key] = _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _across(values: Mapping[str, Any]) -> Iterator[Complaint]:
    """Complain of what no key alone can know."""
    if "model" in values and values.get("models"):
        yield Complaint(("models",), "there is `model` too; expected one of them")
    elif "model" not in values and not values.get("models"):
        yield Complaint(("model",), "is missing; expected the path of a model file", 'model = "model.onnx"')
    yield from _file_systems(values)
    yield from _builders(values.get("image"))
    yield from _layers(values)
    environment, secrets = values.get("environment"), values.get("secrets")
    if isinstance(environment, dict) and isinstance(secrets, dict):
        for name in sorted(environment.keys() & secrets.keys()):
            yield Complaint(("secrets", name), "is in `environment` too; expected it in one of them")


def _layers(values: Mapping[str, Any]) -> Iterator[Complaint]:
    """Complain of layers that the function cannot have."""
    given = values.get("layers")
    layers = [layer for layer in given if isinstance(layer, str)] if isinstance(given, list) else []
    if layers and values.get("package") == "image":
        hint = 'another package, or what is in them: a requirement, or a Dockerfile ([image] builder = "docker")'
        yield Complaint(("layers",), "an image takes no layers; expected none", hint)
    region = values.get("region")
    for index, arn in enumerate(layers):
        found = arn.split(":")[3] if arn.count(":") >= 3 else region
        if isinstance(region, str) and found != region:
            yield Complaint(("layers", index), f"is in {found}; expected a layer of the function's region, {region}")
        if arn in layers[:index]:
            yield Complaint(("layers", index), "is there already; expected each layer once")


def _builders(image: Any) -> Iterator[Complaint]:
    """Complain of what an engine is told when none builds."""
    if isinstance(image, dict) and image.get("builder") != "docker":
        for key in ("dockerfile", "engine"):
            if key in image:
                yield Complaint(("image", key), "is for an engine; expected `builder` too", 'builder = "docker"')


def _file_systems(values: Mapping[str, Any]) -> Iterator[Complaint]:
    """Complain of a model on a file system that is not mounted there, and of one without a network."""
    system = values.get("file_system")
    if system is not None and "vpc" not in values:
        message = "needs the network that the file system is in; expected [vpc]"
        yield Complaint(("file_system",), message, "[vpc] with subnets and security_groups")
    mount = system.get("mount", MOUNT_POINT) if isinstance(system, dict) else None
    for path, source in _sources(values):
        found = source if isinstance(source, str) and source.startswith("efs:") else None
        if found and mount is None:
            hint = "[file_system] with the ARN of an access point"
            yield Complaint(path, f"{wording.shown(found)} is on a file system; expected [file_system]", hint)
        elif found and not found.startswith(f"efs:{mount}/"):
            message = f"found {wording.shown(found)}; expected a file below {mount}, where [file_system] is mounted"
            yield Complaint(path, message, f"efs:{mount}/FILE")


def _sources(values: Mapping[str, Any]) -> Iterator[tuple[lines.Path, Any]]:
    yield ("model",), values.get("model")
    models = values.get("models")
    for name, model in models.items() if isinstance(models, dict) else ():
        if isinstance(model, dict):
            yield ("models", name, "path"), model.get("path")
