"""Projects to bundles through the real uv, from a package index in a folder: what is in them, when they change, how they fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from slsdeploy import bundle as bundles
from slsdeploy.bundle import lock, record
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError, ProjectError, ToolError
from slsdeploy.interpreters import host_minor
from slsdeploy.project import host_platform
from slsdeploy.tools import Tools
from tests import wheelhouse
from tests.building import HANDLER, House, contents, save_model
from tests.fakes import FakeCloud, FakeRegistry, FakeShell


def test_layers_are_laid_out_as_lambda_mounts_them(house: House) -> None:
    house.write("handler.py", HANDLER)
    house.write("lib/table.json", "{}")
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\ninclude = ["lib/*.json"]\n')
    bundle = house.build()
    found = contents(bundle)
    assert bundle.package == "layer"
    assert [path for path in found if path.startswith("task/")] == [
        "task/handler.py",
        "task/lib/table.json",
        "task/slsdeploy.json",
    ]
    assert "opt/models/iris/iris.onnx" in found
    assert "opt/python/numpy/__init__.py" in found
    assert "opt/python/slsdeploy_runtime/app.py" in found
    assert not [path for path in found if path.endswith((".whl", ".lock", "INSTALLER"))]
    assert [part.name for part in bundle.parts] == ["dependencies", "runtime", "model", "code"]
    assert bundle.unzipped_bytes == sum(
        (bundle.path / path).stat().st_size
        for path in wheelhouse.files_below(bundle.path)
        if path.startswith(("task/", "opt/"))
    )


@pytest.mark.parametrize("package", ["layer", "zip"])
def test_archives_unpack_to_the_very_tree(house: House, tmp_path: Path, package: str) -> None:
    house.write("handler.py", HANDLER)
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\npackage = "{package}"\n')
    bundle = house.build()
    for archive in bundle.archives:
        with zipfile.ZipFile(archive.path) as opened:
            assert opened.testzip() is None
            top = "task" if {"code"} & set(archive.parts) else "opt"
            opened.extractall(tmp_path / "unpacked" / top)
            for entry in opened.infolist():
                assert entry.date_time == (1980, 1, 1, 0, 0, 0)
                assert stat.S_IMODE(entry.external_attr >> 16) == 0o644
                if entry.filename.endswith(".onnx"):
                    assert entry.compress_type == zipfile.ZIP_STORED
    for top in {"task", "opt"} & {path.name for path in bundle.path.iterdir()}:
        mounted = wheelhouse.files_below(tmp_path / "unpacked" / top)
        assert mounted == wheelhouse.files_below(bundle.path / top)
        for path in mounted:
            assert (tmp_path / "unpacked" / top / path).read_bytes() == (bundle.path / top / path).read_bytes()


def test_the_manifest_says_where_the_model_is(house: House) -> None:
    bundle = house.build()
    manifest = json.loads((bundle.path / "task/slsdeploy.json").read_bytes())
    (model,) = manifest["models"]
    assert (bundle.path / model["root"] / model["path"]).is_file()
    assert model["digest"] == wheelhouse.digest(house.root / "iris.onnx") == bundle.models[0].digest
    assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert manifest["events"] == [{"module": "slsdeploy_runtime.events.direct", "name": "Direct", "options": {}}]
    assert manifest["handler"] is None


def test_the_manifest_says_which_service_has_a_secret(house: House) -> None:
    arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/iris/key"
    text = f'name = "iris"\nmodel = "iris.onnx"\nsecrets = {{ KEY = "{arn}", OWN = "ssm:/own" }}\n'
    house.write(FILE, text)
    manifest = json.loads((house.build().path / "task/slsdeploy.json").read_bytes())
    assert manifest["secrets"] == {"KEY": {"service": "ssm", "id": arn}, "OWN": {"service": "ssm", "id": "/own"}}


def test_two_folders_two_umasks_two_caches_one_set_of_bytes(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("handler.py", HANDLER + "WORDS = {'a', 'b', 'c'}\ndef f(x):\n    return x in {'u', 'v', 'w'}\n")
    first = house.build()
    shutil.copytree(house.root, tmp_path / "elsewhere" / "copy", ignore=shutil.ignore_patterns(".slsdeploy"))
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "other-cache"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    before = os.umask(0o077)
    try:
        (tmp_path / "elsewhere/copy/handler.py").chmod(0o600)
        second = House(tmp_path / "elsewhere" / "copy", house.index).build()
    finally:
        os.umask(before)
    assert first.digest == second.digest
    assert first.path != second.path
    for one, other in zip(first.archives, second.archives, strict=True):
        assert one.digest == other.digest
        assert one.path.read_bytes() == other.path.read_bytes()


def test_nothing_changed_nothing_is_done(house: House) -> None:
    first = house.build()
    written = {path: path.stat().st_mtime_ns for path in first.path.rglob("*")}
    second = house.build()
    assert second == first
    assert house.reporter.steps == []
    assert {path: path.stat().st_mtime_ns for path in second.path.rglob("*")} == written


def test_a_changed_handler_changes_the_code_alone(house: House) -> None:
    house.write("handler.py", HANDLER)
    first = house.build()
    house.write("handler.py", HANDLER + "# one more line\n")
    second = house.build()
    assert "make code" in house.reporter.steps
    assert "make dependencies" not in house.reporter.steps
    changed = [one.name for one, other in zip(first.archives, second.archives, strict=True) if one != other]
    assert changed == ["code"]
    assert first.digest != second.digest


def test_a_changed_model_changes_the_model_and_the_code(house: House) -> None:
    first = house.build()
    save_model(house.root / "iris.onnx", factor=2.0)
    second = house.build()
    changed = [
        one.name for one, other in zip(first.archives, second.archives, strict=True) if one.digest != other.digest
    ]
    assert changed == ["model", "code"]  # the manifest has the model's digest


def test_the_lock_is_used_until_the_requirements_change(house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket", "1.0")
    house.write("requirements.txt", "sprocket\n")
    assert "opt/python/sprocket/__init__.py" in contents(house.build())
    locked = (house.root / lock.FILE).read_text()
    assert "sprocket==1.0" in locked and "sha256:" in locked
    assert "://" not in locked and str(house.index) not in locked

    wheelhouse.add_wheel(house.index, "sprocket", "2.0")
    shutil.rmtree(house.root / ".slsdeploy")
    house.build()
    assert (house.root / lock.FILE).read_text() == locked

    house.write("requirements.txt", "sprocket\nnumpy>=2\n")
    house.build()
    assert "sprocket==1.0" in (house.root / lock.FILE).read_text()  # what still fits stays

    house.write("requirements.txt", "sprocket>=2\n")
    house.build()
    assert "sprocket==2.0" in (house.root / lock.FILE).read_text()


def test_each_target_has_its_section(house: House) -> None:
    house.build()
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\narchitecture = "x86_64"\npython = "3.12"\n')
    house.build()
    found = [(item.python, item.platform) for item in lock.read(house.root)]
    assert found == [("3.12", "x86_64-manylinux_2_34"), ("3.13", "aarch64-manylinux_2_34")]


def set_foreign(house: House) -> None:
    """Make sure that this machine is not what the function has on AWS."""
    foreign = "x86_64" if host_platform().startswith("aarch64") else "arm64"
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "{foreign}"\n')


def test_a_local_build_gives_the_lock_of_aws_to_commit_and_keeps_its_own(house: House) -> None:
    set_foreign(house)
    house.build(local=True)
    assert len([step for step in house.reporter.steps if step.startswith("resolve")]) == 2
    (section,) = lock.read(house.root)
    assert (section.python, section.platform) == ("3.13", house.project().target.platform)
    (own,) = lock.read(house.project(local=True).work)
    assert own.platform == house.project(local=True).target.platform
    committed = lock.read(house.root)
    house.build(local=True)
    assert house.reporter.steps == []
    house.build()
    assert lock.read(house.root) == committed


def test_local_versions_follow_those_of_aws(house: House) -> None:
    set_foreign(house)
    wheelhouse.add_wheel(house.index, "sprocket", "1.0")
    house.write("requirements.txt", "sprocket\n")
    house.build()
    wheelhouse.add_wheel(house.index, "sprocket", "2.0")
    house.build(local=True)
    work = house.project(local=True).work
    assert "sprocket==1.0" in lock.read(work)[0].text
    (house.root / lock.FILE).unlink()  # as its first line says: resolved anew
    house.build(local=True)
    assert "sprocket==2.0" in lock.read(house.root)[0].text
    assert "sprocket==2.0" in lock.read(work)[0].text


@pytest.mark.skipif("manylinux" not in host_platform(), reason="the wheel's tag is made for Linux")
def test_what_aws_could_not_have_is_only_said_locally(house: House) -> None:
    set_foreign(house)
    machine, system = host_platform().split("-", 1)
    wheelhouse.add_wheel(house.index, "sprocket", tag=f"py3-none-{system}_{machine}")
    house.write("requirements.txt", "sprocket\n")
    house.build(local=True)
    said = [note for note in house.reporter.notes if note.startswith("on AWS this would fail: sprocket")]
    assert "has no wheel for Python 3.13 on" in said[0]
    assert not (house.root / lock.FILE).exists()
    house.build(local=True)
    assert house.reporter.steps == []
    with pytest.raises(BuildError, match=r"sprocket.* has no wheel"):
        house.build()


@pytest.mark.skipif(not host_platform().endswith("manylinux_2_34"), reason="this machine is not like Lambda's")
def test_a_machine_like_lambdas_shares_the_lock(house: House) -> None:
    architecture = "arm64" if host_platform().startswith("aarch64") else "x86_64"
    if house.project().target.interpreter is None:
        pytest.skip("there is no Python 3.13 here")
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\narchitecture = "{architecture}"\n')
    house.build(local=True)
    assert len(lock.read(house.root)) == 1
    assert not (house.project(local=True).work / lock.FILE).exists()


@pytest.mark.parametrize(
    "tag", ["manylinux_2_17_aarch64", "manylinux_2_24_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64"]
)
def test_wheels_up_to_lambdas_glibc_are_taken(house: House, tag: str) -> None:
    wheelhouse.add_wheel(house.index, "sprocket", tag=f"cp313-cp313-{tag}")
    house.write("requirements.txt", "sprocket\n")
    assert "opt/python/sprocket/__init__.py" in contents(house.build())


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("cp313-cp313-manylinux_2_35_aarch64", "manylinux_2_35_aarch64"),
        ("cp313-cp313-manylinux_2_17_x86_64", "manylinux_2_17_x86_64"),
        ("cp313-cp313-win_amd64", "win_amd64"),
        ("cp311-cp311-manylinux_2_17_aarch64", "cp311"),
    ],
)
def test_no_wheel_for_the_target(house: House, tag: str, said: str) -> None:
    wheelhouse.add_wheel(house.index, "sprocket", "1.5", tag=tag)
    house.write("requirements.txt", "sprocket==1.5\n")
    with pytest.raises(BuildError) as raised:
        house.build()
    assert raised.value.message.startswith("sprocket==1.5 has no wheel for Python 3.13 on aarch64-manylinux_2_34")
    assert said in raised.value.message
    assert raised.value.where == "requirements.txt"
    assert not (house.root / lock.FILE).exists()
    assert not (house.root / ".slsdeploy/dev/bundle").exists()


def test_a_source_distribution_is_never_built(house: House) -> None:
    (house.index / "sprocket-1.5.tar.gz").write_bytes(b"not even one")
    wheelhouse.add_wheel(house.index, "sprocket", "1.5", tag="cp313-cp313-macosx_11_0_arm64")
    house.write("requirements.txt", "sprocket==1.5\n")
    with pytest.raises(BuildError, match=r"sprocket==1.5 has no wheel") as raised:
        house.build()
    assert "macOS arm64" in raised.value.message


def test_requirements_that_do_not_fit_together(house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket", needs=["numpy<2"])
    house.write("requirements.txt", "sprocket\n")
    with pytest.raises(BuildError, match="cannot be resolved") as raised:
        house.build()
    assert "numpy" in raised.value.message and "sprocket" in raised.value.message


def test_an_onnxruntime_that_ends_the_process_on_lambdas_arm(house: House) -> None:
    engine = b"class InferenceSession:\n    def __init__(self, path, providers): ...\n"
    wheelhouse.add_wheel(house.index, "onnxruntime", "1.25.1", files={"onnxruntime/__init__.py": engine})
    house.write("requirements.txt", "onnxruntime==1.25.1\n")
    with pytest.raises(BuildError, match=r"older than Lambda's arm64 can start \(onnxruntime>=1.26\)") as raised:
        house.build()
    assert 'architecture = "x86_64"' in raised.value.hint
    assert raised.value.where == "requirements.txt"
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\narchitecture = "x86_64"\n')
    house.build()
    assert "onnxruntime==1.25.1" in (house.root / lock.FILE).read_text()


OLD_ENGINE = (
    b"class InferenceSession:\n"
    b"    def __init__(self, path, providers):\n"
    b"        if b'Mul' in open(path, 'rb').read(): raise RuntimeError('opset 17 is not known')\n"
)


def test_a_model_that_the_functions_older_onnxruntime_does_not_load(house: House) -> None:
    wheelhouse.add_wheel(house.index, "onnxruntime", "1.26.0", files={"onnxruntime/__init__.py": OLD_ENGINE})
    house.write("requirements.txt", "onnxruntime==1.26.0\n")
    with pytest.raises(BuildError, match="does not load the model: RuntimeError: opset 17 is not known") as raised:
        house.build(local=True)
    assert "newer onnxruntime" in raised.value.hint
    assert not (house.project(local=True).work / "bundle").exists()


def test_where_an_older_onnxruntime_cannot_be_run_a_note_says_so(house: House) -> None:
    wheelhouse.add_wheel(house.index, "onnxruntime", "1.26.0", files={"onnxruntime/__init__.py": OLD_ENGINE})
    set_foreign(house)
    house.write("requirements.txt", "onnxruntime==1.26.0\n")
    house.build()
    assert [note for note in house.reporter.notes if "the function has 1.26.0" in note]
    house.write("requirements.txt", "onnxruntime==1.31.1\n")
    house.build()
    assert not [note for note in house.reporter.notes if "the model was tried" in note]


def test_an_unknown_package_is_named(house: House) -> None:
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\nrequirements = ["sproket"]\n')
    with pytest.raises(BuildError, match="sproket"):
        house.build()


def test_a_requirement_that_is_none(house: House) -> None:
    house.write("requirements.txt", "not a requirement\n")
    with pytest.raises(ProjectError, match=r"requirements.txt cannot be read"):
        house.build()


def test_an_index_that_is_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(os.environ["UV_CONFIG_FILE"]).write_text('index-url = "http://127.0.0.1:9/simple"\n')
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(ToolError, match="index cannot be reached"):
        house.build()


def test_a_package_that_is_not_what_was_locked(house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket")
    house.write("requirements.txt", "sprocket\n")
    house.build()
    shutil.rmtree(house.root / ".slsdeploy")
    shutil.rmtree(Path(os.environ["SLSDEPLOY_CACHE_DIR"]))
    shutil.rmtree(Path(os.environ["UV_CACHE_DIR"]))
    wheelhouse.add_wheel(house.index, "sprocket", files={"sprocket.py": b"import evil\n"})
    with pytest.raises(BuildError, match=r"not what slsdeploy.lock says"):
        house.build()


def test_pins_come_from_uv_lock(house: House) -> None:
    for version in ("1.0", "2.0"):
        wheelhouse.add_wheel(house.index, "sprocket", version)
        wheelhouse.add_wheel(house.index, "pedal", version)
    pyproject = '[project]\nname = "iris"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["sprocket<2"]\n'
    house.write("pyproject.toml", pyproject + '[dependency-groups]\ndev = ["pedal"]\n')
    done = house.tools().shell.run([sys.executable, "-m", "uv", "lock", "--quiet"], cwd=house.root)
    assert done.code == 0, done.stderr
    house.write("pyproject.toml", pyproject.replace("<2", "") + '[dependency-groups]\ndev = ["pedal"]\n')
    house.build()
    locked = (house.root / lock.FILE).read_text()
    assert "sprocket==1.0" in locked
    assert "pedal" not in locked


def test_another_file_than_uv_lock_has_is_not_locked(house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket")
    house.write("pyproject.toml", '[project]\nname = "iris"\nversion = "1"\ndependencies = ["sprocket"]\n')
    done = house.tools().shell.run([sys.executable, "-m", "uv", "lock", "--quiet"], cwd=house.root)
    assert done.code == 0, done.stderr
    told = (house.root / "uv.lock").read_text()
    assert '.whl" }' in told  # of a folder uv writes no hashes, of an index it does
    house.write("uv.lock", told.replace('.whl" }', f'.whl", hash = "sha256:{"1" * 64}" }}'))
    with pytest.raises(BuildError, match=r"sprocket==1.0 is not what uv.lock says"):
        house.build()


def test_dependencies_of_pyproject(house: House) -> None:
    wheelhouse.add_wheel(house.index, "sprocket")
    house.write("pyproject.toml", '[project]\nname = "iris"\nversion = "1"\ndependencies = ["sprocket"]\n')
    assert "opt/python/sprocket/__init__.py" in contents(house.build())


def test_a_package_by_path_is_refused(house: House, tmp_path: Path) -> None:
    wheel = wheelhouse.add_wheel(tmp_path / "outside", "sprocket")
    house.write("requirements.txt", f"sprocket @ {wheel.as_uri()}\n")
    with pytest.raises(BuildError, match="a path on this machine"):
        house.build()


def test_an_editable_package_is_refused(house: House) -> None:
    house.write("outside/pyproject.toml", '[project]\nname = "sprocket"\nversion = "1"\n')
    house.write("requirements.txt", "-e ./outside\n")
    with pytest.raises(BuildError, match="outside is a path on this machine"):
        house.build()


def test_a_wheelhouse_in_the_project(house: House) -> None:
    wheelhouse.add_wheel(house.root / "wheels", "sprocket")
    house.write("requirements.txt", "--find-links wheels\nsprocket\n")
    assert "opt/python/sprocket/__init__.py" in contents(house.build())


def test_bytecode_is_lambdas(house: House) -> None:
    house.write("handler.py", HANDLER)
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\n')
    bundle = house.build(local=True)  # there is always an interpreter for here
    minor = house.project(local=True).target.python.replace(".", "")
    compiled = bundle.path / f"task/__pycache__/handler.cpython-{minor}.pyc"
    content = compiled.read_bytes()
    assert content[4:8] == b"\x01\0\0\0"  # checked by nobody: https://peps.python.org/pep-0552/
    assert b"/var/task/handler.py" in content
    runtime = bundle.path / f"opt/python/slsdeploy_runtime/__pycache__/app.cpython-{minor}.pyc"
    assert b"/opt/python/slsdeploy_runtime/app.py" in runtime.read_bytes()
    assert str(house.root).encode() not in content


def test_a_note_says_that_there_is_no_interpreter(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PATH", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    minor = "3.12" if host_minor() != "3.12" else "3.13"
    house.write(FILE, f'name = "iris"\nmodel = "iris.onnx"\npython = "{minor}"\n')
    bundle = house.build()
    assert [note for note in house.reporter.notes if f"no Python {minor} on this machine" in note]
    assert not [path for path in wheelhouse.files_below(bundle.path) if path.endswith(".pyc")]


def test_a_bundle_that_lambda_would_refuse(house: House) -> None:
    wheelhouse.add_wheel(house.index, "flywheel", files={"flywheel/blob.bin": bytes(262_144_001)})
    house.write("requirements.txt", "flywheel\n")
    house.write(FILE, 'package = "layer"\n' + (house.root / FILE).read_text())
    with pytest.raises(BuildError, match="262,144,000") as raised:
        house.build()
    assert "262,144,001  opt/python/flywheel/blob.bin" in raised.value.message


def test_a_bad_model_stops_before_anything_is_made(house: House) -> None:
    (house.root / "iris.onnx").write_bytes(b"")
    with pytest.raises(ProjectError, match="empty"):
        house.build()
    assert not (house.root / lock.FILE).exists()


def test_a_failing_build_leaves_the_last_bundle(house: House) -> None:
    house.write(FILE, 'name = "iris"\nmodel = "iris.onnx"\npackage = "layer"\n')
    house.write("handler.py", HANDLER)
    first = house.build()
    house.write("handler.py", "def preprocess(request)\n")
    with pytest.raises(BuildError):
        house.build()
    left = record.read(first.path, json.loads((first.path / record.FILE).read_text())["key"])
    assert left is not None
    assert (left.digest, left.archives) == (first.digest, first.archives)
    assert not [path.name for path in first.path.parent.iterdir() if path.name.startswith((".draft", ".old"))]


@pytest.mark.parametrize("damage", ["part", "bundle", "record", "archive"])
def test_damage_is_repaired(house: House, damage: str) -> None:
    first = house.build()
    shelf = Path(os.environ["SLSDEPLOY_CACHE_DIR"]) / "parts"
    match damage:
        case "part":
            shutil.rmtree(first.path)
            next(shelf.glob("dependencies-*/tree/opt/python/numpy/__init__.py")).unlink()
        case "bundle":
            shutil.rmtree(first.path / "opt")
        case "record":
            (first.path / record.FILE).write_text("{")
        case "archive":
            first.archives[0].path.unlink()
    second = house.build()
    assert second == first
    assert "opt/python/numpy/__init__.py" in contents(second)
    assert all(archive.path.is_file() for archive in second.archives)


def child(house: House, environment: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    """Start a build of the project in a process of its own."""
    script = (
        "import sys; from pathlib import Path; from tests.building import House\n"
        "print(House(Path(sys.argv[1]), Path(sys.argv[2])).build().digest)"
    )
    argv = [sys.executable, "-c", script, str(house.root), str(house.index)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        argv, cwd=root, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_builds_at_once(house: House) -> None:
    both = [child(house), child(house)]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0] == f"{house.build().digest}\n"
    assert house.reporter.steps == []


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("after", [0.5, 0.9, 1.3, 1.7])
def test_killed_at_any_moment_the_next_build_succeeds(house: House, kill: signal.Signals, after: float) -> None:
    process = child(house)
    time.sleep(after)
    process.send_signal(kill)
    process.communicate(timeout=60)
    bundle = house.build()
    assert "opt/python/numpy/__init__.py" in contents(bundle)
    assert not [path.name for path in bundle.path.parent.iterdir() if path.name.startswith((".draft", ".old"))]


def test_no_uv_on_this_machine(house: House) -> None:
    with pytest.raises(ToolError, match="there is no program"):
        bundles.build(house.project(), Tools(FakeShell(), house.reporter, lambda _: FakeCloud(), FakeRegistry()))


def test_a_folder_that_cannot_be_written(house: House) -> None:
    house.write(".slsdeploy", "a file")
    with pytest.raises(ToolError, match="cannot write"):
        house.build()


def test_version_control_ignores_what_is_made(house: House) -> None:
    house.build()
    assert (house.root / ".slsdeploy/.gitignore").read_text() == "*\n"
