"""`verify = true`: a model that is not what was built does not answer; what is off costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from slsdeploy_runtime import changed, digests, manifest, remote
from slsdeploy_runtime.s3_answer import FetchError
from slsdeploy_runtime.store import Store
from slsdeploy_runtime.telemetry import Telemetry
from slsdeploy_runtime.unavailable import LoadFailed
from tests.runtime import bundles

ON: dict[str, Any] = {"verify": True}


def start(task: Path) -> Store:
    document = manifest.read(task)
    store = Store(document.models, 1, Telemetry(document.name))
    store.start()
    return store


def file_of(task: Path, name: str = "double") -> Path:
    return task.parent / "opt" / "models" / name / f"{name}.onnx"


def tamper(path: Path) -> str:
    """Put another model of the same signature there; return its digest."""
    model, *_ = bundles.double()
    model.producer_name = "somebody"
    onnx.save(model, path)
    return digests.of_file(path)


def run(store: Store, name: str = "double") -> Any:
    return store.models[name].run({"x": np.ones((1, 2), np.float32)})["y"].tolist()


def test_what_was_built_answers(tmp_path: Path) -> None:
    store = start(bundles.write(tmp_path / "bundle", settings={"double": ON}))
    assert run(store) == [[2.0, 2.0]]


def test_another_model_fails_the_start_with_both_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = bundles.write(tmp_path / "bundle", settings={"double": ON})
    built = digests.of_file(file_of(task))
    found = tamper(file_of(task))
    with pytest.raises(LoadFailed) as caught:
        start(task)
    said = f"model 'double' is not what was built: its files have the sha256 {found}, those that were built {built}"
    assert str(caught.value) == f"model 'double' cannot be loaded: Tampered: {said}: build and deploy again"
    assert caught.value.public == "model 'double' cannot be loaded", "callers are told no digests"
    assert "model cannot be loaded" in capsys.readouterr().out


def test_without_it_nobody_looks(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle")
    tamper(file_of(task))
    assert run(start(task)) == [[2.0, 2.0]]


def test_a_lazy_one_is_looked_at_when_it_is_loaded(tmp_path: Path) -> None:
    models = [bundles.double(name="first"), bundles.double(name="second")]
    task = bundles.write(tmp_path / "bundle", *models, settings={"first": ON, "second": {**ON, "load": "lazy"}})
    tamper(file_of(task, "second"))
    store = start(task)
    assert run(store, "first") == [[2.0, 2.0]]
    with pytest.raises(LoadFailed, match="model 'second' is not what was built"):
        run(store, "second")
    assert run(store, "first") == [[2.0, 2.0]]


def test_a_model_with_a_fallback_lets_the_function_start(tmp_path: Path) -> None:
    settings = {"double": {**ON, "fallback": {"outputs": {"y": [0.0, 0.0]}}}}
    task = bundles.write(tmp_path / "bundle", settings=settings)
    tamper(file_of(task))
    assert not start(task).models["double"].is_loaded


def external(tmp_path: Path, made: bool) -> tuple[Path, list[Path]]:
    """Return a bundle whose model keeps its weights in other files, and these."""
    name = "heavy"
    model = bundles.heavy(name, width=20, layers=2)
    task = bundles.write(tmp_path / "bundle", model)
    main = file_of(task, name)
    main.unlink()
    (main.parent / "deep").mkdir()
    onnx.external_data_helper.convert_model_to_external_data(model[0], size_threshold=0, all_tensors_to_one_file=False)
    for tensor, location in zip(model[0].graph.initializer, ("w-b", "deep/a"), strict=True):
        tensor.external_data[0].value = location
    onnx.save(model[0], main)
    names = [main.name, "deep/a", "w-b"]
    if made:
        names.sort()
    named = [(each, digests.of_file(main.parent / each)) for each in names]
    document = json.loads((task / "slsdeploy.json").read_text())
    entry = document["models"][0]
    entry |= {"verify": True, "made": digests.of_lines(named)} if made else {**ON, "digest": digests.of_files(named)}
    (task / "slsdeploy.json").write_text(json.dumps(document))
    return task, [main.parent / each for each in names]


@pytest.mark.parametrize("made", [False, True], ids=["as it is", "prepared"])
def test_weights_in_other_files_are_hashed_too(tmp_path: Path, made: bool) -> None:
    task, files = external(tmp_path, made)
    assert start(task).models["heavy"].is_loaded
    changed._verified.clear()
    for file in files:
        if file.suffix == ".onnx":
            continue
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(LoadFailed, match="model 'heavy' is not what was built"):
            start(task)
        file.write_bytes(content)
    (files[0].parent / "planted").write_bytes(b"x")
    with pytest.raises(LoadFailed, match="model 'heavy' is not what was built"):
        start(task)


def test_a_model_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", settings={"double": ON})
    file_of(task).unlink()
    with pytest.raises(LoadFailed):
        start(task)


def test_it_is_hashed_once_per_environment(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", settings={"double": ON})
    start(task)
    tamper(file_of(task))  # Lambda's are read-only: whatever was hashed stays as it is
    assert run(start(task)) == [[2.0, 2.0]]


def test_a_large_one_on_a_file_system_is_hashed_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "HASHED", 10)
    task = bundles.write(tmp_path / "bundle")
    path = file_of(task)
    size = path.stat().st_size
    files = {"files": [{"name": path.name, "bytes": size}]}
    (entry,) = manifest.read(task).models
    entry = entry._replace(remote=files)
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert remote.fetch(entry) == path
    with pytest.raises(FetchError, match=f"the model that was built with {entry.digest}"):
        remote.fetch(entry._replace(verify=True))


def test_off_it_imports_nothing(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle")
    script = (
        "import slsdeploy_runtime.app, sys; print('slsdeploy_runtime.changed' in sys.modules, 'hashlib' in sys.modules)"
    )
    environment = {"LAMBDA_TASK_ROOT": str(task), "PYTHONPATH": str(Path(changed.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1].split()[0] == "False", done.stderr
