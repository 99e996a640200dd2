"""The real numpy and onnxruntime that are installed here: slimmed, they give the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from slsdeploy.bundle import archive
from slsdeploy.bundle.slim import imports_left, installed, removal, selecting
from slsdeploy.bundle.slim.importing import Importer
from slsdeploy.bundle.slim.removal import Shelf
from slsdeploy.bundle.slim.slimming import Trial
from slsdeploy.bundle.slim.wish import Wish
from slsdeploy.effects.shell import SystemShell
from slsdeploy.tools import Tools
from tests.fakes import FakeCloud, FakeRegistry, FakeReporter
from tests.installed import TARGET

IRIS = Path(__file__).parents[2] / "samples" / "iris" / "iris.onnx"
NAMES = (
    "numpy",
    "onnxruntime",
    "protobuf",
    "flatbuffers",
    "packaging",
    "aws-lambda-powertools",
    "jmespath",
    "typing-extensions",
)
SCRIPT = """
import sys, numpy, onnxruntime
assert onnxruntime.__file__.startswith(sys.argv[1]) and numpy.__file__.startswith(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
rows = numpy.random.Generator(numpy.random.PCG64(1)).normal(3, 2, (100, 4)).astype(numpy.float32)
labels, scores = session.run(None, {session.get_inputs()[0].name: rows})
print(list(map(str, labels)), numpy.asarray(scores).tobytes().hex())
"""


def link(name: str, root: Path) -> None:
    for file in distribution(name).files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            archive.link(Path(str(file.locate())), root / file)


def answer(root: Path) -> str:
    argv = [sys.executable, "-P", "-s", "-S", "-c", SCRIPT, str(root), str(IRIS)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_left_gives_the_same_bits(tmp_path: Path) -> None:
    root = tmp_path / "packages"
    for name in NAMES:
        link(name, root)
    before = answer(root)
    found = installed.read(root, TARGET)
    pieces = selecting.select(found, Wish("auto", has_sdk=True))
    assert imports_left.broken(found, pieces) == {}
    (tmp_path / "scratch").mkdir()
    tools = Tools(SystemShell(), FakeReporter(), lambda _: FakeCloud(), FakeRegistry())
    trial = Trial(Importer(Path(sys.executable), root, tmp_path / "scratch", tools), found)
    shelf = Shelf(root, tmp_path / "aside")
    assert removal.take_out(removal.grouped(pieces), shelf, trial.judge, trial.recheck) == {}
    left = installed.read(root, TARGET)
    assert {"numpy.f2py", "numpy.testing", "onnxruntime.transformers", "google.protobuf"} & left.modules.keys() == set()
    assert sum(found.files.values()) - sum(left.files.values()) > 40_000_000
    assert answer(root) == before
