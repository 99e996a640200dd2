"""The rules about what the build measured: of each model in the form that ships, beside the function's settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from slsdeploy import rules
from slsdeploy.rules import Finding
from slsdeploy.types import Bundle, Measured, Preparation, Project, S3Origin
from tests.unit.test_rules import make_bundle, make_project

ROW = Measured("plain", session_ms=10, first_ms=1, warm_ms=1, resident_mb=100, bytes=1000)


def prepared(name: str, **measured: Any) -> Preparation:
    """Say that a model ships as it is, and was measured so; another form of it, which was not chosen, is out of all bounds."""
    other = Measured("optimized", 1e9, 1e9, 1e9, 1e9, 1000)
    return Preparation(name, "plain", "1.31", "auto", None, 1000, measured=(other, replace(ROW, **measured)))


def found(project: Project, *preparations: Preparation) -> list[Finding]:
    (info,) = make_bundle(project).models
    bundle = replace(make_bundle(project), preparations=preparations, models=(info,) * len(project.models))
    return rules.run(rules.subject(project, bundle), "bundle")


def several(project: Project, *loads: Any) -> Project:
    (model,) = project.models
    return replace(project, models=tuple(replace(model, name=f"m{at}", load=load) for at, load in enumerate(loads)))


def test_nothing_measured_is_nothing_found(tmp_path: Path) -> None:
    project = make_project(tmp_path, memory=128, timeout=1)
    nothing = Preparation("iris", "plain", "1.31", "auto", None, 1000)
    assert found(project, nothing) == []
    bundle: Bundle = make_bundle(project)
    assert rules.run(rules.subject(project, bundle), "bundle") == []


def test_memory(tmp_path: Path) -> None:
    project = make_project(tmp_path, memory=512)
    assert found(project, prepared("iris", resident_mb=536)) == []  # 512 MiB are 536.9 MB
    (finding,) = found(project, prepared("iris", resident_mb=538))
    assert (finding.rule, finding.hint) == ("model-resident", "set memory to 615 or more")
    assert finding.message == "the models were measured with 538 MB resident; the function has 512 MB"


def test_models_share_the_engine_and_lazy_ones_take_turns(tmp_path: Path) -> None:
    project = make_project(tmp_path, memory=512)  # 536 MB: the engine's 80, and 456 for models
    eager = several(project, "eager", "eager")
    assert found(eager, prepared("m0", resident_mb=300), prepared("m1", resident_mb=310)) == []
    assert len(found(eager, prepared("m0", resident_mb=320), prepared("m1", resident_mb=320))) == 1
    lazy = several(project, "eager", "lazy", "lazy")
    rows = [prepared(f"m{at}", resident_mb=300) for at in range(3)]
    assert found(lazy, *rows) == []


def test_answers(tmp_path: Path) -> None:
    whole = make_project(tmp_path, memory=1769, timeout=2)
    assert found(whole, prepared("iris", warm_ms=1999)) == []
    assert [each.rule for each in found(whole, prepared("iris", warm_ms=2001))] == ["model-answer-time"]
    part = make_project(tmp_path, memory=512, timeout=2)
    (finding,) = found(part, prepared("iris", warm_ms=600))
    assert "about 2.1 s with 512 MB of memory; it may take 2 s" in finding.message
    limited = replace(whole, models=(replace(whole.models[0], timeout=0.5),))
    (finding,) = found(limited, prepared("iris", warm_ms=600))
    assert "it may take 0.5 s" in finding.message


def test_starting(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert found(project, prepared("iris", session_ms=9_700)) == []
    (finding,) = found(project, prepared("iris", session_ms=9_900))
    assert finding.message == "starting takes about 10 s (9.9 s to load); Lambda's init phase has 10 s"
    two = several(project, "eager", "lazy")
    assert found(two, prepared("m0", session_ms=9_000), prepared("m1", session_ms=9_000)) == []
    snapshot = make_project(tmp_path, snap_start=True)
    assert found(snapshot, prepared("iris", session_ms=100_000)) == []


def test_what_is_fetched_from_s3_takes_its_time(tmp_path: Path) -> None:
    project = make_project(tmp_path, memory=3008)
    project = replace(project, models=(replace(project.models[0], origin=S3Origin("bucket", "iris.onnx")),))
    bundle = make_bundle(project)
    large = replace(bundle, models=(replace(bundle.models[0], bytes=750_000_000),))
    (finding,) = rules.run(rules.subject(project, large), "bundle")
    assert finding.rule == "init-time" and "10.0 s to fetch" in finding.message
