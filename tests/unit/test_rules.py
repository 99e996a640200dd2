"""Variants of what trips a rule, beside the fixture projects of tests/rules; and what does not."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import plugins, preflight, rules, stack
from slsdeploy.bundle.model import inspect
from slsdeploy.config import Config
from slsdeploy.errors import ProjectError
from slsdeploy.layers import AttachedLayer
from slsdeploy.rules import Rule, Severity, Subject
from slsdeploy.types import Archive, Bundle, EfsOrigin, Handler, Model, Part, Project, S3Origin, Target, Trigger
from tests.fakes import FakeReporter

IRIS = Path(__file__).parents[2] / "samples" / "iris" / "iris.onnx"
GOOD_HANDLER = "def postprocess(outputs):\n    return outputs['label']\n"


def make_project(root: Path, **config: Any) -> Project:
    """Make a project that no rule complains of."""
    shutil.copyfile(IRIS, root / "iris.onnx")
    (root / "handler.py").write_text(GOOD_HANDLER)
    return Project(
        root=root,
        config=Config.model_validate({"name": "iris", "model": "iris.onnx", **config}),
        stage="dev",
        local=False,
        target=Target(python="3.11", architecture="arm64", platform="linux"),  # 3.11: this Python's grammar suffices
        models=(Model("iris", root / "iris.onnx"),),
        handler=Handler("handler", root / "handler.py"),
        triggers=(),
    )


def make_bundle(project: Project, *, package: str = "layer", size: int = 1000, archive: int = 100) -> Bundle:
    largest = (("opt/python/big.so", size // 2), ("opt/python/small.so", size // 4))
    parts = (
        Part("dependencies", "0", 2, size, project.work, largest),
        Part("code", "1", 1, 10, project.work, (("task/handler.py", 10),)),
    )
    archives = (Archive("dependencies", "0", project.work / "dependencies.zip", archive, ("dependencies",)),)
    return Bundle(package, "3.13", "0", project.work, parts, archives, (inspect(project.models[0].path),))


def enlarged(subject: Subject, size: int) -> Subject:
    """Say that the model has `size` bytes, without writing them."""
    return replace(subject, models={"iris": replace(subject.infos[0], bytes=size)})


def enforce(subject: Subject) -> None:
    gate = preflight.Gate()
    preflight.enforce(preflight.find(subject, gate), gate, FakeReporter())


def no_model(root: Path) -> Subject:
    project = make_project(root)
    (root / "iris.onnx").unlink()
    return rules.subject(project)


def bad_model(root: Path) -> Subject:
    project = make_project(root)
    (root / "iris.onnx").write_bytes(IRIS.read_bytes()[:300])
    return rules.subject(project)


def no_handler(root: Path) -> Subject:
    project = make_project(root, handler="my.code")
    return rules.subject(replace(project, handler=Handler("my.code", root / "my" / "code.py")))


def bad_handler(root: Path) -> Subject:
    project = make_project(root)
    (root / "handler.py").write_text("import json\n\ndef postprocess(outputs:\n    return 1\n")
    return rules.subject(project)


def deep_handler(root: Path) -> Subject:
    project = make_project(root)
    (root / "handler.py").write_text(f"X = {'1+' * 20_000}1\n\ndef postprocess(outputs):\n    return 1\n")
    return rules.subject(project)


def large_bundle(root: Path) -> Subject:
    project = make_project(root)
    return rules.subject(project, make_bundle(project, size=262_144_000))


def large_model(root: Path) -> Subject:
    return enlarged(rules.subject(make_project(root, package="zip")), 300 * 1024**2)


def with_layers(root: Path, count: int, size: int | None, **config: Any) -> Subject:
    arns = [f"arn:aws:lambda:us-east-1:123456789012:layer:other:{number}" for number in range(1, count + 1)]
    return rules.subject(replace(make_project(root, **config), layers=tuple(AttachedLayer(arn, size) for arn in arns)))


def large_layers(root: Path) -> Subject:
    return with_layers(root, 2, 131_072_000)


def large_bundle_and_layer(root: Path) -> Subject:
    project = with_layers(root, 1, 62_143_990).project
    return rules.subject(project, make_bundle(project, size=200_000_000))


def six_layers(root: Path) -> Subject:
    return with_layers(root, 6, 1)


def three_layers_beside_ours(root: Path) -> Subject:
    return with_layers(root, 3, 1, package="layer")


def unknown_layer(root: Path) -> Subject:
    return with_layers(root, 1, None)


def large_archive(root: Path) -> Subject:
    project = make_project(root)
    return rules.subject(project, make_bundle(project, archive=50 * 1024**2 + 1))


def much_environment(root: Path) -> Subject:
    return rules.subject(make_project(root, environment={"SMALL": "1", "WORDS": "x" * 4000}))


FILE_SYSTEM = {"arn": "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0123456789abcdef0"}
VPC = {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}


def snap_start_with_storage(root: Path) -> Subject:
    return rules.subject(make_project(root, snap_start=True, ephemeral_storage=513))


def snap_start_with_file_system(root: Path) -> Subject:
    return rules.subject(make_project(root, snap_start=True, file_system=FILE_SYSTEM, vpc=VPC))


def little_memory(root: Path) -> Subject:
    return enlarged(rules.subject(make_project(root, memory=256)), 100 * 1024**2)


def misfit_fallback(root: Path) -> Subject:
    project = make_project(root)
    return rules.subject(replace(project, models=(replace(project.models[0], fallback={"label": "setosa"}),)))


def in_s3(root: Path, size: int, load: str = "eager", **config: Any) -> Subject:
    """Say that the model is in S3, has so many bytes, and is here."""
    project = make_project(root, memory=3008, **config)
    model = replace(project.models[0], origin=S3Origin("bucket", "iris.onnx"), load=load)  # type: ignore[arg-type]
    return enlarged(rules.subject(replace(project, models=(model,))), size)


def little_storage(root: Path) -> Subject:
    return in_s3(root, 600 * 1024**2)


def tight_storage(root: Path) -> Subject:
    return in_s3(root, 500 * 1024**2)


def not_fetched(root: Path) -> Subject:
    project = make_project(root)
    return rules.subject(replace(project, models=(Model("iris", root / "none", origin=S3Origin("b", "i.onnx")),)))


def not_copied(root: Path) -> Subject:
    project = make_project(root)
    copy = root / "efs/iris.onnx"
    return rules.subject(replace(project, models=(Model("iris", copy, origin=EfsOrigin("/mnt/models/iris.onnx")),)))


def late_model(root: Path) -> Subject:
    project = make_project(root, timeout=5)
    return rules.subject(replace(project, models=(replace(project.models[0], timeout=5.0),)))


def once_without_need(root: Path) -> Subject:
    project = make_project(root, idempotent=True)
    called = plugins.event_sources()["http"]
    return rules.subject(replace(project, triggers=(Trigger(called.__name__, called.Trigger(), "HttpTrigger"),)))


def once_without_triggers(root: Path) -> Subject:
    return rules.subject(make_project(root, idempotent={"expires_after_seconds": 900}))


def unused_output(root: Path) -> Subject:
    project = make_project(root)
    options = [plugins.event_sources()[name].Trigger() for name in ("http", "stepfunctions")]
    output = plugins.outputs()["sqs"].Output()
    config = project.config.model_copy(
        update={"output": output, "trigger": (*options, plugins.event_sources()["sqs"].Trigger(output="queue"))}
    )
    return rules.subject(replace(project, config=config))


def called_through(via: str, timeout: int) -> Callable[[Path], Subject]:
    def make(root: Path) -> Subject:
        project = make_project(root, timeout=timeout)
        trigger = plugins.event_sources()["http"].Trigger(via=via)
        return rules.subject(replace(project, config=project.config.model_copy(update={"trigger": (trigger,)})))

    return make


def empty_schedule(root: Path) -> Subject:
    trigger = Trigger("slsdeploy_runtime.events.schedule", plugins.event_sources()["schedule"].Trigger(), "Schedule")
    return rules.subject(replace(make_project(root), handler=None, triggers=(trigger,)))


def empty_schedule_with_a_handler(root: Path) -> Subject:
    subject = empty_schedule(root)
    return replace(subject, project=replace(subject.project, handler=Handler("handler", root / "handler.py")))


TRIPS: list[tuple[str, Severity, Callable[[Path], Subject], str, str]] = [
    ("api-timeout", "warning", called_through("rest_api", 30), "ends a request after 29 s", "slsdeploy.toml"),
    ("api-timeout", "warning", called_through("http_api", 31), "after 30 s; the function has 31 s", "slsdeploy.toml"),
    ("model-missing", "error", no_model, "iris.onnx does not exist", "iris.onnx"),
    ("model-missing", "note", not_fetched, "s3://b/i.onnx has not been fetched yet", "s3://b/i.onnx"),
    ("model-missing", "error", not_copied, "the copy of /mnt/models/iris.onnx that is built with", "efs/iris.onnx"),
    ("model-storage", "error", little_storage, "the models in S3 are 600.0 MiB; /tmp, where", "slsdeploy.toml"),
    ("model-storage", "warning", tight_storage, "the models in S3 are 500.0 MiB, and /tmp has 512", "slsdeploy.toml"),
    ("model-corrupt", "error", bad_model, "cut short", "iris.onnx"),
    ("handler-missing", "error", no_handler, 'no my/code.py for handler = "my.code"', "my/code.py"),
    ("handler-syntax", "error", bad_handler, "'(' was never closed: def postp", "handler.py"),
    ("handler-syntax", "error", deep_handler, "nested too deeply to be read", "handler.py"),
    ("unzipped-size", "error", large_bundle, "the bundle is 250.0 MiB unzipped", ""),
    ("unzipped-size", "error", large_layers, "the models and `layers` alone are 250.0 MiB unzipped", ""),
    ("unzipped-size", "error", large_bundle_and_layer, "the bundle and `layers` are 250.0 MiB unzipped", ""),
    ("layer-count", "error", six_layers, "6 layers are more than the 5", "slsdeploy.toml"),
    ("layer-count", "error", three_layers_beside_ours, "3 layers and 3 of ours are more", "slsdeploy.toml"),
    ("layer-size", "note", unknown_layer, "other:1 is not known yet, and not counted", "slsdeploy.toml"),
    ("unzipped-size", "error", large_model, "the models alone are 300.0 MiB unzipped", ""),
    ("direct-upload", "note", large_archive, "the archive dependencies is 50.0 MiB", ""),
    ("environment-size", "error", much_environment, "take 4,3", "slsdeploy.toml"),
    (
        "model-timeout",
        "warning",
        late_model,
        "model iris may take 5 s; the function is ended after 5 s",
        "slsdeploy.toml",
    ),
    ("fallback-signature", "error", misfit_fallback, 'output "probabilities" is missing', "slsdeploy.toml"),
    (
        "snap-start",
        "error",
        snap_start_with_storage,
        "ephemeral_storage = 513: Lambda takes at most 512",
        "slsdeploy.toml",
    ),
    ("snap-start", "error", snap_start_with_file_system, "does not go with [file_system]", "slsdeploy.toml"),
    ("idempotent", "warning", once_without_need, "idempotent does nothing here", "slsdeploy.toml"),
    ("idempotent", "warning", once_without_triggers, "this project has no trigger", "slsdeploy.toml"),
    ("schedule-input", "error", empty_schedule, "sends an empty request, and there is no", "slsdeploy.toml"),
    ("schedule-input", "warning", empty_schedule_with_a_handler, "sends an empty request", "slsdeploy.toml"),
    ("output-unused", "warning", unused_output, "no trigger sends answers to the [output]", "slsdeploy.toml"),
    ("model-memory", "warning", little_memory, "the weights are 100.0 MiB", "slsdeploy.toml"),
]


@pytest.mark.parametrize(
    ("rule", "severity", "make", "message", "path"), TRIPS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_rule_trips_alone(
    tmp_path: Path, rule: str, severity: Severity, make: Callable[[Path], Subject], message: str, path: str
) -> None:
    (finding,) = rules.run(make(tmp_path))
    assert (finding.rule, finding.severity, finding.path) == (rule, severity, path)
    assert message in finding.message
    assert finding.hint


@pytest.mark.parametrize("rule", rules.find_rules(), ids=lambda rule: rule.id)
def test_a_rule_is_in_the_file_of_its_name_and_explains_itself(rule: Rule) -> None:
    assert type(rule).__module__ == f"slsdeploy.rules.{rule.id.replace('-', '_')}"
    assert importlib.import_module(type(rule).__module__).__doc__
    assert type(rule).__doc__
    assert rule.link.startswith("https://") or not rule.link


def test_how_much_tmp_is_to_be_had(tmp_path: Path) -> None:
    (finding,) = rules.run(little_storage(tmp_path))
    assert finding.hint == "set ephemeral_storage to 664"
    assert rules.run(in_s3(tmp_path, 600 * 1024**2, ephemeral_storage=664)) == []
    (finding,) = [each for each in rules.run(in_s3(tmp_path, 11 * 1024**3)) if each.rule == "model-storage"]
    assert finding.hint.startswith("no more than 10,240 MB can be had")


def test_lazy_models_may_take_turns_in_tmp(tmp_path: Path) -> None:
    subject = in_s3(tmp_path, 300 * 1024**2, load="lazy")
    two = replace(subject.project.models[0], name="other")
    subject = replace(
        subject,
        project=replace(subject.project, models=(*subject.project.models, two)),
        models={**subject.models, "other": subject.models["iris"]},
    )
    assert [(each.rule, each.severity) for each in rules.run(subject)] == [("model-storage", "warning")]


def test_a_good_project_has_no_findings(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert rules.run(rules.subject(project)) == []
    assert rules.run(rules.subject(project, make_bundle(project))) == []


def test_the_largest_members_are_listed(tmp_path: Path) -> None:
    (finding,) = rules.run(large_bundle(tmp_path))
    assert "opt/python/big.so (125.0 MiB), opt/python/small.so (62.5 MiB), task/handler.py (0.0 MiB)" in finding.hint


def test_layers_that_fit_are_fine(tmp_path: Path) -> None:
    assert rules.run(with_layers(tmp_path, 2, 131_072_000 - 100_000)) == []
    assert rules.run(with_layers(tmp_path, 2, 1, package="layer")) == []
    assert rules.run(with_layers(tmp_path, 5, 1, package="zip")) == []


def test_a_large_model_may_be_an_image(tmp_path: Path) -> None:
    found = rules.run(enlarged(rules.subject(make_project(tmp_path, memory=3008)), 300 * 1024**2))
    assert [finding.rule for finding in found] == []


def test_one_byte_less_than_the_limit_is_fine(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    below = rules.subject(project, make_bundle(project, size=262_144_000 - 11))
    assert below.bundle and below.bundle.unzipped_bytes == 262_143_999
    assert rules.run(below) == []


def test_what_the_triggers_set_counts(tmp_path: Path) -> None:
    trigger = Trigger("slsdeploy_runtime.events.sqs", plugins.event_sources()["sqs"].Trigger(), "SqsTrigger")
    project = make_project(tmp_path, environment={"WORDS": "x" * 3700})
    assert rules.run(rules.subject(project)) == []
    wired = replace(project, triggers=(trigger,))
    assert any(name.startswith("SLSDEPLOY_") for name in stack.variables(wired) if name != "SLSDEPLOY_STAGE")
    (finding,) = rules.run(rules.subject(wired))
    assert (finding.rule, finding.severity) == ("environment-size", "error")
    assert "the largest is WORDS" in finding.hint


def test_snap_start_alone_is_fine_and_so_is_what_it_does_not_go_with(tmp_path: Path) -> None:
    for config in ({"snap_start": True}, {"ephemeral_storage": 513}, {"file_system": FILE_SYSTEM, "vpc": VPC}):
        assert rules.run(rules.subject(make_project(tmp_path, **config))) == []
    both = make_project(tmp_path, snap_start=True, ephemeral_storage=1024, file_system=FILE_SYSTEM, vpc=VPC)
    with pytest.raises(ProjectError, match="2 things are wrong"):
        enforce(rules.subject(both))


def test_errors_are_refused_all_at_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, environment={"WORDS": "x" * 5000}, memory=128)
    (tmp_path / "iris.onnx").unlink()
    with pytest.raises(ProjectError, match="2 things are wrong") as raised:
        enforce(rules.subject(project))
    assert raised.value.exit_code == 2
    for finding in rules.run(rules.subject(project)):
        assert finding.message in raised.value.message and finding.hint in raised.value.message


def test_one_error_is_said_alone_and_a_warning_stops_nothing(tmp_path: Path) -> None:
    enforce(little_memory(tmp_path))
    with pytest.raises(ProjectError, match=r"^the model file iris.onnx does not exist$") as raised:
        enforce(no_model(tmp_path))
    assert raised.value.where == "iris.onnx"


def test_the_worst_comes_first(tmp_path: Path) -> None:
    subject = enlarged(rules.subject(make_project(tmp_path, memory=256, package="zip")), 300 * 1024**2)
    assert [finding.severity for finding in rules.run(subject)] == ["error", "warning"]


def test_newer_grammar_than_this_python_knows_is_only_a_warning(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (tmp_path / "handler.py").write_text("def broken(:\n")
    project = replace(project, target=replace(project.target, python="3.99"))
    (finding,) = rules.run(rules.subject(project))
    assert (finding.rule, finding.severity) == ("handler-syntax", "warning")
    assert "the function runs on 3.99" in finding.hint


def test_a_schedule_needs_an_input_or_a_preprocess(tmp_path: Path) -> None:
    bad = empty_schedule(tmp_path).project
    (trigger,) = bad.triggers
    input = replace(trigger, options=replace(trigger.options, input={"instances": [[1, 2, 3, 4]]}))
    preprocess = Handler("handler", tmp_path / "handler.py", frozenset({"preprocess"}))
    for good in (replace(bad, triggers=(input,)), replace(bad, handler=preprocess)):
        assert rules.run(rules.subject(good)) == []
    application = replace(bad, handler=Handler("app", tmp_path / "handler.py", app="app"))
    assert [each.severity for each in rules.run(rules.subject(application))] == ["error"]


def test_no_handler_at_all_is_fine(tmp_path: Path) -> None:
    assert rules.run(rules.subject(replace(make_project(tmp_path), handler=None))) == []


def test_a_large_layer_of_an_image_is_nothing_to_be_told(tmp_path: Path) -> None:
    project = make_project(tmp_path, package="image")
    bundle = make_bundle(project, package="image", archive=60 * 1024**2)
    assert rules.run(rules.subject(project, bundle)) == []
