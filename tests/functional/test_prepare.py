"""Models that are prepared at build, with the real onnxruntime: what is chosen, what ships, what the lock says, and what goes wrong.

The bundles are for another processor than this machine's, so that our own onnxruntime prepares, whose version is the one that ships.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from slsdeploy.bundle import inspection, record
from slsdeploy.bundle.lock import FILE as LOCK
from slsdeploy.bundle.prepare import engine, measuring, wording
from slsdeploy.bundle.prepare.engine import Engine
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError, ProjectError
from slsdeploy.project import host_architecture
from slsdeploy.tools import Completed
from slsdeploy.types import Bundle, Model, Preparation
from slsdeploy.ui import Ui
from slsdeploy_runtime import manifest
from slsdeploy_runtime.formats import onnx as onnx_of_runtime
from tests import models, wheelhouse
from tests.building import House
from tests.fakes import MeddlingShell

FOREIGN = "x86_64" if host_architecture() == "arm64" else "arm64"
NOT_AHEAD = {"plain", "mapped"}
ANY = {*NOT_AHEAD, "optimised", "external", "frozen"}
MEASURE, OPTIMISE, QUANTIZE = "measure_model.py", "optimise_model.py", "quantize_model.py"


@pytest.fixture
def shell(house: House) -> MeddlingShell:
    """Give the house wheels of the onnxruntime that is here, and a shell that counts."""
    wheelhouse.add_wheel(house.index, "onnxruntime", version("onnxruntime"))
    shell = MeddlingShell()
    house.shell = shell
    configure(house)
    return shell


def configure(house: House, *lines: str) -> None:
    # what is counted here are measurements; trying out what was left out of the packages runs models too
    about = ['name = "iris"', 'model = "iris.onnx"', 'slim = "off"', f'architecture = "{FOREIGN}"']
    house.write(FILE, "\n".join([*about, *lines, ""]))


def only(bundle: Bundle) -> Preparation:
    (found,) = bundle.preparations
    return found


def entry(bundle: Bundle) -> dict[str, Any]:
    document = json.loads((bundle.path / "task" / "slsdeploy.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = document["models"][0]
    return found


def shipped(bundle: Bundle) -> dict[str, bytes]:
    folder = bundle.path / "opt" / "models" / "iris"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def answer(bundle: Bundle, inputs: Mapping[str, Any]) -> list[np.ndarray[Any, Any]]:
    """Answer as the function does: what is in slsdeploy.json, loaded by the runtime."""
    (found,) = manifest.read(bundle.path / "task").models
    return list(onnx_of_runtime.load(found.path, 1, found.session).run(inputs).values())


def original(path: Path, inputs: Mapping[str, Any]) -> list[np.ndarray[Any, Any]]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(inputs)))


def test_a_transformer_ships_mapped_and_the_choice_is_locked(
    house: House,
    shell: MeddlingShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = models.transformer(house.root / "iris.onnx")
    bundle = house.build()
    found = only(bundle)
    rows = {row.candidate: row for row in found.measured}
    assert list(rows) == ["plain", "mapped", "optimised", "external", "frozen"]
    assert found.choice in ("mapped", "external", "frozen")  # which of them is a matter of a few ms
    assert rows[found.choice].answer_ms < rows["plain"].answer_ms
    assert rows[found.choice].resident_mb < rows["plain"].resident_mb
    assert "measure model iris" in house.reporter.steps

    # what ships: the graph, small, and the weights beside it
    files = shipped(bundle)
    assert list(files) == ["iris.onnx", "iris.onnx.weights"]
    assert len(files["iris.onnx"]) < 50_000
    said = entry(bundle)
    assert said["bytes"] == found.bytes == sum(map(len, files.values()))
    assert said["session"]["level"] == {"mapped": "all", "external": "all", "frozen": "none"}[found.choice]
    assert said["preparation"]["choice"] == found.choice
    assert said["preparation"]["tolerance"] == {"FP32": {"rtol": 1e-3, "atol": 1e-4}}
    assert not [word for word in ("_ms", "resident") if word in json.dumps(said)]
    ids = {"ids": np.array([[5, 6, 7, 8]])}
    np.testing.assert_allclose(answer(bundle, ids)[0], original(path, ids)[0], rtol=1e-3, atol=1e-4)

    # what is told
    Ui(as_json=True).show(record.describe(bundle))
    (told,) = json.loads(capsys.readouterr().out)["models"]
    assert [row["candidate"] for row in told["candidates"]] == list(rows)
    Ui().show(record.describe(bundle))
    printed = capsys.readouterr().out
    assert f"✓  {found.choice}" in printed

    # again: nothing is measured, nothing made
    shell.ran.clear()
    assert house.build() == bundle
    assert house.reporter.steps == []
    assert not {MEASURE, OPTIMISE} & set(shell.ran)

    # somewhere else, with the lock: nothing is measured to choose, and the bytes are the same
    locked = (house.root / LOCK).read_bytes()
    shutil.copytree(house.root, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".slsdeploy"))
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "another cache"))
    other = House(tmp_path / "elsewhere", house.index)
    again = other.build()
    assert "measure model iris" not in other.reporter.steps
    assert "prepare model iris" in other.reporter.steps
    assert again.digest == bundle.digest
    assert shipped(again) == files
    assert (other.root / LOCK).read_bytes() == locked
    assert only(again).measured == ()
    assert again.notes == bundle.notes


def test_a_small_model_ships_as_it_is_at_the_cost_of_one_process(house: House, shell: MeddlingShell) -> None:
    bundle = house.build()
    assert only(bundle).choice == "plain"
    assert [row.candidate for row in only(bundle).measured] == ["plain"]
    assert shell.ran.count(MEASURE) == 1
    assert shipped(bundle) == {"iris.onnx": (house.root / "iris.onnx").read_bytes()}
    assert 'choice = "plain"' in (house.root / LOCK).read_text(encoding="utf-8")


def test_another_model_is_measured_anew(house: House, shell: MeddlingShell) -> None:
    house.build()
    models.linear(house.root / "iris.onnx", width=10)
    bundle = house.build()
    assert shell.ran.count(MEASURE) == 2
    assert (house.root / LOCK).read_text(encoding="utf-8").count("[[prepared]]") == 1
    assert bundle.models[0].digest in (house.root / LOCK).read_text(encoding="utf-8")


def test_a_lock_without_the_choice_gets_it_from_the_cache(house: House, shell: MeddlingShell) -> None:
    house.build()
    text = (house.root / LOCK).read_text(encoding="utf-8")
    (house.root / LOCK).write_text(text.partition("\n[[prepared]]")[0], encoding="utf-8")
    house.build()
    assert shell.ran.count(MEASURE) == 1
    assert (house.root / LOCK).read_text(encoding="utf-8") == text


def test_off_measures_nothing(house: House, shell: MeddlingShell) -> None:
    configure(house, 'optimize = "off"')
    models.linear(house.root / "iris.onnx")
    bundle = house.build()
    assert MEASURE not in shell.ran
    assert shipped(bundle) == {"iris.onnx": (house.root / "iris.onnx").read_bytes()}
    assert "prepared" not in (house.root / LOCK).read_text(encoding="utf-8")


def test_native_says_what_it_means(house: House, shell: MeddlingShell) -> None:
    configure(house, 'optimize = "native"')
    bundle = house.build()
    assert [note for note in bundle.notes if 'optimize = "native"' in note and f"for {FOREIGN}" in note]
    assert f'architecture = "{FOREIGN}"' in (house.root / LOCK).read_text(encoding="utf-8")


def test_native_measures_what_is_for_this_processor(tmp_path: Path, shell: MeddlingShell, house: House) -> None:
    path = models.linear(tmp_path / "model.onnx", width=1000)
    model = Model("iris", path, optimize="native")
    here = Engine(version("onnxruntime"), engine.OURS, lambda tools: (), 1769, is_targets=True)
    found = measuring.measure(model, inspection.inspect(path), here, house.tools())
    (row,) = (row for row in found.measured if row.candidate == "prepacked")
    assert row.dropped == ""
    assert row.session_ms > 0
    assert "same kind of processor" in wording.native(model, "prepacked", "arm64", True)
    assert "nothing of this processor" in wording.native(model, "external", "arm64", True)


def test_a_local_build_follows_the_lock_and_leaves_it(house: House, shell: MeddlingShell) -> None:
    house.build()
    locked = (house.root / LOCK).read_bytes()
    bundle = house.build(local=True)
    assert only(bundle).choice == "plain"
    assert shell.ran.count(MEASURE) == 1
    assert (house.root / LOCK).read_bytes() == locked


def test_another_onnxruntime_prepares_nothing_and_says_so(house: House, shell: MeddlingShell) -> None:
    wheelhouse.add_wheel(house.index, "onnxruntime", "1.30.9")
    configure(house, 'requirements = ["onnxruntime==1.30.9"]')
    bundle = house.build()
    assert [note for note in bundle.notes if "not prepared" in note and "1.30.9" in note]
    assert MEASURE not in shell.ran
    assert "prepared" not in (house.root / LOCK).read_text(encoding="utf-8")


def test_another_onnxruntime_quantizes_all_the_same(house: House, shell: MeddlingShell) -> None:
    """The operators are ONNX's own; only what is optimised ahead must be the work of the onnxruntime that loads it."""
    wheelhouse.add_wheel(house.index, "onnxruntime", "1.30.9")
    configure(house, 'requirements = ["onnxruntime==1.30.9"]', 'quantize = "int8"')
    path = models.transformer(house.root / "iris.onnx", layers=1, hidden=64, vocabulary=500)
    bundle = house.build()
    assert only(bundle).choice == "plain"
    assert sum(map(len, shipped(bundle).values())) < 0.5 * path.stat().st_size
    assert [note for note in bundle.notes if "not prepared" in note and "1.30.9" in note]
    assert "prepared" not in (house.root / LOCK).read_text(encoding="utf-8")
    shell.ran.clear()
    assert house.build() == bundle
    assert MEASURE not in shell.ran


def test_int8_is_a_quarter_and_says_how_far_off(house: House, shell: MeddlingShell) -> None:
    configure(house, 'quantize = "int8"', 'optimize = "off"')
    path = models.transformer(house.root / "iris.onnx", layers=2, hidden=128, vocabulary=1000)
    bundle = house.build()
    found = only(bundle)
    assert [row.candidate for row in found.measured] == ["original", "plain"]
    assert sum(map(len, shipped(bundle).values())) < 0.4 * path.stat().st_size
    assert found.quantized_difference is not None
    assert 0 < found.quantized_difference < 0.1
    assert entry(bundle)["preparation"]["quantized_difference"] == found.quantized_difference
    assert [note for note in bundle.notes if f"{found.quantized_difference:g}" in note]
    ids = {"ids": np.array([[5, 6, 7, 8]])}
    np.testing.assert_allclose(answer(bundle, ids)[0], original(path, ids)[0], atol=0.1)
    assert house.build() == bundle
    assert shell.ran.count(QUANTIZE) == 1


def test_nothing_to_quantize_is_said(house: House, shell: MeddlingShell) -> None:
    configure(house, 'quantize = "int8"', 'optimize = "off"')
    path = models.convolutions(house.root / "iris.onnx", channels=(8, 8))
    bundle = house.build()
    assert shipped(bundle) == {"iris.onnx": path.read_bytes()}
    assert [note for note in bundle.notes if "nothing in it that int8 could quantize" in note]
    assert house.build().notes == bundle.notes


def test_an_unusable_int8_is_an_error(house: House, shell: MeddlingShell) -> None:
    configure(house, 'quantize = "int8"')
    models.transformer(house.root / "iris.onnx", layers=1, hidden=64, vocabulary=100)

    def spoil(argv: Sequence[str], done: Completed) -> Completed:
        target = Path(job(argv)["target"])
        model = onnx.load(target)
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                array = np.full(onnx.numpy_helper.to_array(tensor).shape, np.nan, np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
        onnx.save(model, target)
        return done

    shell.script, shell.meddle = QUANTIZE, spoil
    with pytest.raises(BuildError, match="of no use when quantized") as caught:
        house.build()
    assert "quantize" in caught.value.hint


def test_a_model_that_cannot_be_quantized_is_an_error(house: House, shell: MeddlingShell) -> None:
    configure(house, 'quantize = "int8"')
    shell.script, shell.meddle = QUANTIZE, lambda argv, done: Completed(1, "", "ValueError: no such luck")
    with pytest.raises(BuildError, match="cannot be quantized: ValueError: no such luck"):
        house.build()


def job(argv: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(argv[-2]).read_text(encoding="utf-8"))
    return found


def skew(argv: Sequence[str], done: Completed) -> Completed:
    """Make what onnxruntime optimised answer something else."""
    target = Path(job(argv)["target"])
    model = onnx.load(target)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            array = onnx.numpy_helper.to_array(tensor) * np.float32(1.5)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    onnx.save(model, target)
    return done


def test_a_candidate_with_other_answers_is_dropped(house: House, shell: MeddlingShell) -> None:
    models.linear(house.root / "iris.onnx", width=1000)
    shell.script, shell.meddle = OPTIMISE, skew
    bundle = house.build()
    dropped = {row.candidate: row.dropped for row in only(bundle).measured if row.dropped}
    assert dropped.keys() == {"optimised", "external", "frozen"}
    assert all("differs by up to" in reason for reason in dropped.values())
    assert len([note for note in bundle.notes if "was dropped" in note]) == 3
    assert only(bundle).choice in ("plain", "mapped")


def test_a_candidate_that_is_not_made_is_dropped(house: House, shell: MeddlingShell) -> None:
    models.linear(house.root / "iris.onnx", width=1000)
    shell.script, shell.meddle = OPTIMISE, lambda argv, done: Completed(-11, "", "")
    bundle = house.build()
    assert {row.dropped for row in only(bundle).measured if row.candidate == "external"} == {
        "the process was killed by signal 11"
    }
    assert only(bundle).choice in ("plain", "mapped")


@pytest.mark.parametrize(
    "told", [Completed(-9, "", ""), Completed(1, "", "OSError: [Errno 28] No space left on device")]
)
def test_want_of_memory_or_room_decides_nothing(house: House, shell: MeddlingShell, told: Completed) -> None:
    models.linear(house.root / "iris.onnx", width=800)
    shell.script, shell.meddle = MEASURE, lambda argv, done: told
    bundle = house.build()
    assert only(bundle).choice == "plain"
    assert [note for note in bundle.notes if "is not prepared" in note]
    assert "prepared" not in (house.root / LOCK).read_text(encoding="utf-8")
    ran = shell.ran.count(MEASURE)
    house.build()
    assert shell.ran.count(MEASURE) > ran  # it may have more luck


def test_a_lock_that_cannot_be_followed_says_what_to_do(house: House, shell: MeddlingShell) -> None:
    lock_external(house)
    shell.script, shell.meddle = OPTIMISE, skew
    with pytest.raises(
        BuildError, match=r"cannot be prepared as slsdeploy.lock says \(external\): y: differs"
    ) as caught:
        house.build()
    assert "[[prepared]]" in caught.value.hint


@pytest.mark.parametrize("choice", ['"best"', '"frozen"', "3"])
def test_a_damaged_choice_is_told(house: House, shell: MeddlingShell, choice: str) -> None:
    house.build()
    text = (house.root / LOCK).read_text(encoding="utf-8")
    (house.root / LOCK).write_text(text.replace('choice = "plain"', f"choice = {choice}"), encoding="utf-8")
    with pytest.raises(ProjectError, match="model iris cannot ship as"):
        house.build()


def test_other_bytes_than_the_lock_names_are_told(house: House, shell: MeddlingShell) -> None:
    lock_external(house)
    bundle = house.build()
    assert list(shipped(bundle)) == ["iris.onnx", "iris.onnx.weights"]
    assert [note for note in bundle.notes if "differs in bytes" in note]


def lock_external(house: House) -> None:
    """Write a lock as another machine would have."""
    models.linear(house.root / "iris.onnx", width=100)
    house.build()
    text = (house.root / LOCK).read_text(encoding="utf-8")
    text = text.replace('choice = "plain"', f'choice = "external"\ndigest = "{"0" * 64}"\ndifference = 0.0')
    (house.root / LOCK).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "choices"),
    [
        (models.branches, ANY),
        (models.kinds, ANY),
        (lambda path: models.linear(path, width=1200, large=True), ANY),
        (lambda path: models.linear(path, width=1200, element=TensorProto.FLOAT16), NOT_AHEAD),
        (models.pairs, NOT_AHEAD),
    ],
    ids=["branches", "kinds", "external data", "FP16", "QDQ"],
)
def test_unusual_models(house: House, shell: MeddlingShell, make: Callable[[Path], Path], choices: set[str]) -> None:
    """Whatever is chosen for it, the function answers as the model does; 16 bits and QDQ are not optimised ahead."""
    path = make(house.root / "iris.onnx")
    bundle = house.build()
    assert not [row.dropped for row in only(bundle).measured if row.dropped]
    assert only(bundle).choice in choices
    inputs = {tensor.name: sample(tensor.datatype, tensor.shape) for tensor in bundle.models[0].inputs}
    for one, other in zip(answer(bundle, inputs), original(path, inputs), strict=True):
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)
        else:
            assert np.array_equal(one, other)


def sample(datatype: str, shape: Sequence[int]) -> Any:
    kinds = {"FP32": np.float32, "FP16": np.float16, "INT64": np.int64, "BOOL": np.bool_, "BYTES": object}
    sizes = [2 if size < 0 else size for size in shape]
    return np.full(sizes, "text" if datatype == "BYTES" else 1, kinds[datatype])


@pytest.mark.parametrize(
    ("make", "reason"), [(models.dice, "other answers each time"), (models.picky, "refuses made-up inputs")]
)
def test_models_that_cannot_be_compared_ship_as_they_are(
    house: House, shell: MeddlingShell, make: Callable[[Path], Path], reason: str
) -> None:
    path = make(house.root / "iris.onnx")
    bundle = house.build()
    assert shipped(bundle) == {"iris.onnx": path.read_bytes()}
    assert [note for note in bundle.notes if reason in note]
    shell.ran.clear()
    assert house.build() == bundle
    assert MEASURE not in shell.ran
