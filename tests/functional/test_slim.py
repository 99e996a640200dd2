"""Slimming through builds: what ships, what is put back because something breaks without it, what is said and remembered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slsdeploy import app
from slsdeploy.bundle import requirements
from slsdeploy.bundle.slim import installed, slimming
from slsdeploy.bundle.slim import wish as wishes
from slsdeploy.bundle.slim.cut import Piece
from slsdeploy.config import FILE
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import ProjectError
from slsdeploy.oci import Base
from slsdeploy.space import CutMade
from slsdeploy.tools import Completed
from slsdeploy.types import Bundle
from tests import bases, wheelhouse
from tests.building import House, contents, save_model
from tests.installed import install

PLACE = "opt/python"
HIDDEN = """
import os
folder = os.path.join(os.path.dirname(__file__), "te" + "sts")
if not os.path.isdir(folder):
    {}
"""


def add(house: House, name: str, files: Mapping[str, str], needs: Sequence[str] = ()) -> None:
    wheelhouse.add_wheel(house.index, name, files={path: text.encode() for path, text in files.items()}, needs=needs)
    with (house.root / "requirements.txt").open("a") as stream:
        stream.write(f"{name}\n")


def undone(bundle: Bundle) -> list[CutMade]:
    return [cut for cut in bundle.slimmed.cuts if cut.undone]


class ModelShell(SystemShell):
    """The real shell, but for models: they answer what `answer` makes of the packages that they are run with."""

    def __init__(self, answer: Callable[[Path], float | Completed]) -> None:
        self.answer = answer
        self.runs = 0

    def run(self, argv: Sequence[str], **how: Any) -> Completed:
        if not any(word.endswith("measure_model.py") for word in argv):
            return super().run(argv, **how)
        self.runs += 1
        job = json.loads(Path(argv[-2]).read_text())
        found = self.answer(Path(how["env"]["PYTHONPATH"].split(os.pathsep)[0]))
        if isinstance(found, Completed):
            return found
        if job["answers"]:
            for number in range(len(job["samples"])):
                np.savez(Path(job["answers"]) / f"{number}.npz", np.array([found], np.float32))
        said = {"session_ms": 1.0, "first_ms": 1.0, "warm_ms": 1.0, "resident_mb": 1.0, "refused": {}}
        Path(argv[-1]).write_text(json.dumps(said))
        return Completed(0, "", "")


def test_off_leaves_everything_but_what_cannot_run(house: House) -> None:
    files = {
        "gear/__init__.py": "",
        "gear/tests/a.py": "",
        "gear/a.pyi": "",
        "gear-1.0.data/scripts/gear": "#!python\n",
    }
    add(house, "gear", files)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\nslim = "off"\n')
    bundle = house.build(local=True)
    found = contents(bundle)
    assert {f"{PLACE}/gear/tests/a.py", f"{PLACE}/gear/a.pyi", f"{PLACE}/gear-1.0.dist-info/WHEEL"} <= set(found)
    assert not [path for path in found if path.startswith(f"{PLACE}/bin/") or path.endswith("INSTALLER")]
    assert (bundle.slimmed.mode, bundle.slimmed.cuts) == ("off", ())
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\n')
    slim = house.build(local=True)
    assert f"{PLACE}/gear/tests/a.py" not in contents(slim)
    assert slim.digest != bundle.digest
    assert {(cut.name, cut.package, cut.files) for cut in slim.slimmed.cuts} >= {
        ("tests", "gear", 1),
        ("typing_stubs", "gear", 1),
    }
    assert "imported" in slim.slimmed.imports_by and undone(slim) == []


def test_a_package_finds_its_own_files_by_its_metadata(house: House) -> None:
    looks = "from importlib.metadata import files\nLIBRARY = next(each for each in files('gear') if each.parent.name == 'gear.libs')\n"
    files = {"gear/__init__.py": looks, "gear.libs/libgear-1.txt": "", "gear-1.0.data/scripts/gear": "#!python\n"}
    add(house, "gear", files)
    house.write("handler.py", "import gear\ndef postprocess(outputs):\n    return outputs\n")
    bundle = house.build(local=True)
    listed = (bundle.path / PLACE / "gear-1.0.dist-info/RECORD").read_text().splitlines()
    assert {"gear/__init__.py,,", "gear.libs/libgear-1.txt,,"} <= set(listed)
    assert all(line.endswith(",,") and "bin/" not in line for line in listed)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise ImportError('no tests here')", "gear: ImportError: no tests here"),
        ("os.kill(os.getpid(), 11)", "gear: importing it ends the process with signal 11"),
        ("import time; time.sleep(600)", "gear: importing it takes longer than 2 s"),
    ],
)
def test_a_cut_that_breaks_a_package_is_undone_and_reported(
    house: House, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    monkeypatch.setattr(slimming, "_SECONDS", 2.0)
    add(house, "gear", {"gear/__init__.py": HIDDEN.format(line), "gear/tests/a.py": "", "gear/x.pyi": ""})
    add(house, "axle", {"axle/__init__.py": "", "axle/tests/a.py": ""})
    bundle = house.build(local=True)
    assert [(cut.name, cut.package, cut.undone) for cut in undone(bundle)] == [("tests", "gear", reason)]
    found = contents(bundle)
    assert f"{PLACE}/gear/tests/a.py" in found
    assert [*(bundle.path / PLACE / "gear/tests/__pycache__").glob("a.*.pyc")]  # what is put back is compiled, too
    assert not {f"{PLACE}/gear/x.pyi", f"{PLACE}/axle/tests/a.py"} & set(found)
    (note,) = [note for note in house.reporter.notes if note.startswith("slim:")]
    assert note == f"slim: kept tests of gear (0 bytes): {reason}"
    house.build(local=True)
    assert house.reporter.steps == []
    assert note in house.reporter.notes


def test_where_nothing_can_be_run_the_imports_are_read(house: House) -> None:
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\npython = "3.14"\narchitecture = "arm64"\n')
    add(
        house,
        "gear",
        {"gear/__init__.py": "", "gear/a.py": "from . import stubs", "gear/tests/a.py": "", "gear/stubs.py": ""},
    )
    bundle = house.build()
    if "imported" in bundle.slimmed.imports_by:
        pytest.skip("this machine runs what is made for Lambda on arm64")
    assert bundle.slimmed.imports_by.startswith("imports were read, not run: ")
    assert f"{PLACE}/gear/tests/a.py" not in contents(bundle)


@pytest.mark.parametrize(
    "handler",
    [
        "from gear.tests import a\ndef preprocess(request):\n    return {}\n",
        "import importlib\na = importlib.import_module('gear.' + 'tests.' + 'a')\ndef preprocess(request):\n    return {}\n",
    ],
)
def test_a_handler_that_imports_what_was_cut_works(house: House, handler: str) -> None:
    add(house, "gear", {"gear/__init__.py": "", "gear/tests/__init__.py": "", "gear/tests/a.py": "", "gear/x.pyi": ""})
    house.write("handler.py", handler)
    bundle = house.build(local=True)
    found = contents(bundle)
    assert f"{PLACE}/gear/tests/a.py" in found and f"{PLACE}/gear/x.pyi" not in found
    told = [cut.undone for cut in undone(bundle)]
    hidden = "importlib" in handler
    assert len(told) == hidden
    assert not hidden or told[0].startswith(
        "handler.py does not import: ModuleNotFoundError: No module named 'gear.tests'"
    )
    house.build(local=True)
    assert house.reporter.steps == []


def test_a_model_that_answers_otherwise_without_a_cut_gets_it_back(house: House) -> None:
    add(house, "gear", {"gear/__init__.py": "", "gear/tests/a.py": "", "gear/x.pyi": ""})
    house.shell = shell = ModelShell(lambda packages: 1.0 if (packages / "gear/tests/a.py").exists() else 1.0000001)
    bundle = house.build(local=True)
    assert [(cut.name, cut.package, cut.undone) for cut in undone(bundle)] == [
        ("tests", "gear", "the model iris gives other outputs")
    ]
    assert f"{PLACE}/gear/tests/a.py" in contents(bundle) and f"{PLACE}/gear/x.pyi" not in contents(bundle)
    assert "same outputs, bit by bit" in bundle.slimmed.outputs_by
    runs = shell.runs
    house.write("handler.py", "def preprocess(request):\n    return {}\n")
    again = house.build(local=True)
    assert (shell.runs, again.slimmed) == (runs, bundle.slimmed)  # a change of code tries no model
    save_model(house.root / "iris.onnx", 3.0)
    assert undone(house.build(local=True))  # another model is tried, too
    assert shell.runs > runs


@pytest.mark.parametrize("code", [-11, 124])
def test_a_model_that_ends_the_process_without_a_cut(house: House, code: int) -> None:
    add(house, "gear", {"gear/__init__.py": "", "gear/tests/a.py": ""})
    dead = Completed(code, "", "")
    house.shell = ModelShell(lambda packages: 1.0 if (packages / "gear/tests/a.py").exists() else dead)
    bundle = house.build(local=True)
    (cut,) = undone(bundle)
    said = {-11: "the process was killed by signal 11", 124: "it takes longer than 60 s"}
    assert (cut.name, cut.undone) == ("tests", said[code])


def test_a_model_that_answers_differently_each_time_blames_no_cut(house: House) -> None:
    add(house, "gear", {"gear/__init__.py": "", "gear/tests/a.py": ""})
    answers = iter(range(100))
    house.shell = ModelShell(lambda packages: float(next(answers)))
    bundle = house.build(local=True)
    assert undone(bundle) == []
    assert "1 answer differently each time" in bundle.slimmed.outputs_by


def test_the_same_part_in_two_folders_is_the_same(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(
        house, "gear", {"gear/__init__.py": HIDDEN.format("raise ImportError"), "gear/tests/a.py": "", "gear/x.pyi": ""}
    )
    first = house.build(local=True)
    shutil.copytree(house.root, tmp_path / "other/iris", ignore=shutil.ignore_patterns(".slsdeploy"))
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "other/cache"))
    second = House(tmp_path / "other/iris", house.index).build(local=True)
    assert [part.digest for part in first.parts] == [part.digest for part in second.parts]
    assert (first.slimmed, first.space) == (second.slimmed, second.space)


def test_what_takes_the_space_is_told(house: House) -> None:
    add(house, "gear", {"gear/__init__.py": "x = 1\n" * 5000, "gear/tests/a.py": "y" * 700, "gear_extra.py": "z = 2\n"})
    house.write("handler.py", "def preprocess(request):\n    return {}\n")
    bundle = house.build(local=True)
    rows = {row.name: row for row in bundle.space}
    assert {"gear", "numpy", "onnxruntime", "slsdeploy runtime", "your code", "model iris"} <= rows.keys()
    assert sum(row.bytes for row in bundle.space) == bundle.unzipped_bytes
    assert sum(row.files for row in bundle.space) == sum(part.files for part in bundle.parts)
    assert rows["gear"].bytes > 30000 and rows["gear"].cut_bytes >= 700
    assert rows["model iris"].bytes == (house.root / "iris.onnx").stat().st_size
    assert sum(row.cut_bytes for row in bundle.space) == bundle.slimmed.bytes
    assert "gear_extra" not in rows  # the record says whose it is


def test_boto3_is_lambdas_unless_a_version_of_it_is_asked_for(house: House) -> None:
    wheelhouse.add_wheel(house.index, "boto3", "1.40.1", needs=["botocore<1.41,>=1.40"])
    wheelhouse.add_wheel(house.index, "botocore", "1.40.1")
    house.write("requirements.txt", "boto3\n")
    found = contents(house.build(local=True))
    assert not [path for path in found if "boto" in path]
    house.write("requirements.txt", "boto3>=1.40\n")
    found = contents(house.build(local=True))
    assert {f"{PLACE}/boto3/__init__.py", f"{PLACE}/botocore/__init__.py"} <= set(found)


def test_a_damaged_memory_is_made_anew(house: House) -> None:
    add(house, "gear", {"gear/__init__.py": "", "gear/tests/a.py": ""})
    house.shell = ModelShell(lambda packages: 1.0)
    first = house.build(local=True)
    for path in (Path(os.environ["SLSDEPLOY_CACHE_DIR"]) / "slimmed").iterdir():
        path.write_text('{"undone": 3')
    shutil.rmtree(first.path)
    assert house.build(local=True) == first


def document(bundle: Bundle) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle.path / "bundle.json").read_text())
    return found


def test_the_record_has_what_json_tells(house: House) -> None:
    add(house, "gear", {"gear/__init__.py": "", "gear/tests/a.py": "12345"})
    said = document(house.build(local=True))
    assert {"name", "part", "bytes", "files", "cut_bytes", "cut_files"} == said["space"][0].keys()
    (cut,) = [cut for cut in said["slimmed"]["cuts"] if (cut["name"], cut["package"]) == ("tests", "gear")]
    assert cut == {
        "name": "tests",
        "package": "gear",
        "files": 1,
        "bytes": 5,
        "why": "a package's own tests",
        "undone": "",
    }
    assert said["slimmed"]["bytes"] >= 5


@pytest.mark.parametrize("package", ["layer", "zip", "image"])
def test_the_treemap_is_written(house: House, tmp_path: Path, package: str) -> None:
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\npackage = "{package}"\n')
    built = app.build(app.Where(house.root, local=True), house.tools(), html=str(tmp_path / "map.html"))
    text = Path(built.html).read_text()
    assert Path(built.html) == tmp_path / "map.html"
    for word in (
        "dependencies",
        "runtime",
        "model",
        "code",
        "numpy",
        "models/iris/iris.onnx",
        "iris-dev: what takes the space",
    ):
        assert word in text, word


@pytest.mark.parametrize("html", ["nowhere/map.html", "."])
def test_a_treemap_that_cannot_be_written_is_refused_before_anything_is_built(house: House, html: str) -> None:
    with pytest.raises(ProjectError, match=r"is a folder|no folder"):
        app.build(app.Where(house.root, local=True), house.tools(), html=str(house.root / html))
    assert house.reporter.steps == []


def test_the_command_says_it_all(house: House, tmp_path: Path) -> None:
    add(
        house,
        "gear",
        {"gear/__init__.py": HIDDEN.format("raise ImportError('no tests')"), "gear/tests/a.py": "", "gear/x.pyi": ""},
    )
    argv = [sys.executable, "-m", "slsdeploy", "build", str(house.root), "--local"]
    done = subprocess.run(
        [*argv, "--html", str(tmp_path / "map.html")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "what takes the space" in done.stdout and "left out" in done.stdout
    assert "slim: kept tests of gear (0 bytes): gear: ImportError: no tests" in done.stderr
    assert "kept:</span> gear: ImportError: no tests" in (tmp_path / "map.html").read_text()
    said = json.loads(
        subprocess.run([*argv, "--json"], capture_output=True, text=True, timeout=120, check=False).stdout
    )
    assert [cut["undone"] for cut in said["slimmed"]["cuts"] if cut["name"] == "tests"] == [
        "gear: ImportError: no tests"
    ]
    assert said["html"] == "" and {row["name"] for row in said["space"]} >= {"gear", "numpy"}
    done = subprocess.run([*argv, "--set", "slim=of"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "slim" in done.stderr


def test_pins_of_a_computed_project_keep_the_sdk(house: House) -> None:
    for name in ("boto3", "botocore"):
        wheelhouse.add_wheel(house.index, name, "1.40.1")
    pyproject = (
        '[project]\nname = "iris"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["boto3", "botocore"]\n'
    )
    house.write("pyproject.toml", pyproject)
    done = house.tools().shell.run([sys.executable, "-m", "uv", "lock", "--quiet"], cwd=house.root)
    assert done.code == 0, done.stderr
    assert not [path for path in contents(house.build(local=True)) if "boto" in path]
    dynamic = pyproject.replace('dependencies = ["boto3", "botocore"]', 'dynamic = ["dependencies"]')
    house.write("pyproject.toml", dynamic)
    project = house.project(local=True)
    wish = wishes.read(project, [], requirements.read(project))
    assert [each.name for each in wish.asked] == ["boto3", "botocore"]


def test_extras_that_the_requirements_name_are_known(house: House) -> None:
    house.write("requirements.txt", "gear[all, more]>=1  # some\naxle\n")
    project = house.project(local=True)
    assert wishes.read(project, [], requirements.read(project)).extras == ("gear[all, more]",)


def test_nobody_looks_where_reading_undoes_every_cut(house: House, tmp_path: Path) -> None:
    root = install(tmp_path / "packages", "gear", {"gear/a.py": "from gear import b", "gear/b.py": ""})
    pieces = [Piece("one", "gear", frozenset({"gear/b.py"}))]
    project = house.project(local=True)
    compiled: list[bool] = []
    shop = slimming.Workshop(
        root, tmp_path, project, house.tools(), lambda: compiled.append((root / "gear/b.py").exists())
    )
    undone, by = slimming.try_out(installed.read(root, project.target), pieces, shop)
    assert (undone, by, compiled) == ({"one/gear": "gear/a.py:1 imports gear.b"}, "", [True])


@pytest.mark.parametrize(
    ("package", "image", "settings", "has_sdk"),
    [
        ("layer", "", None, True),
        ("image", "", bases.LAMBDAS, True),
        ("image", "", None, True),
        ("image", 'base = "mirror/python:3.13"', bases.LAMBDAS, True),
        ("image", 'base = "python:3.13-slim"', {}, False),
        ("image", 'base = "python:3.13-slim"', None, False),
        ("image", 'builder = "docker"\ndockerfile = "Dockerfile"', bases.LAMBDAS, False),
    ],
)
def test_which_python_has_the_sdk(house: House, package: str, image: str, settings: Any, has_sdk: bool) -> None:
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\npackage = "{package}"\n[image]\n{image}\n')
    house.write("Dockerfile", "FROM python:3.13-slim\n")
    manifest = bases.add(house.registry)
    base = None if settings is None else Base(f"{bases.NAME}@{manifest.digest}", manifest, {"config": settings})
    project = replace(house.project(), base=base)
    assert wishes.read(project, [], requirements.read(project)).has_sdk == has_sdk
