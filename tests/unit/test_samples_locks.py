"""What is committed with the samples is what Lambda gets, and still true: nobody's machine is in it, and nothing is resolved anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.bundle import inspection, lock, resolution
from slsdeploy.bundle.prepare import engine, locking
from slsdeploy.bundle.prepare.locking import Subject
from slsdeploy.config import FILE, load
from slsdeploy.effects.shell import SystemShell
from slsdeploy.project import resolve

SAMPLES = sorted(path.parent for path in (Path(__file__).parents[2] / "samples").glob(f"*/{FILE}"))


@pytest.mark.parametrize("root", SAMPLES, ids=lambda path: path.name)
def test_a_samples_lock_is_lambdas_alone(root: Path) -> None:
    config, stage = load(root / FILE, overrides={}, environ={})
    (section,) = lock.read(root)
    assert (section.python, section.platform) == ("3.13", "aarch64-manylinux_2_34")
    assert resolution.find(resolve(config, root, stage=stage, local=False, shell=SystemShell())) == section


@pytest.mark.parametrize("root", SAMPLES, ids=lambda path: path.name)
def test_a_samples_models_are_not_measured_anew(root: Path) -> None:
    """Here or locally: how each ships is in the lock, for the model and the onnxruntime that there are."""
    config, stage = load(root / FILE, overrides={}, environ={})
    project = resolve(config, root, stage=stage, local=False, shell=SystemShell())
    section = resolution.find(project)
    assert section is not None
    subjects = [
        Subject(model.name, inspection.inspect(model.path).digest, engine.shipped(section), model.optimize, "", "")
        for model in project.models
        if model.origin is None
    ]
    assert [locking.read(root, subject) is not None for subject in subjects] == [True] * len(subjects)
