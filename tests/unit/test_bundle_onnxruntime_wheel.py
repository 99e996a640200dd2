"""What of onnxruntime ships: less than is in the wheel, and enough to predict; and nothing that somebody names is left out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from slsdeploy.bundle.onnxruntime_wheel import slim, uses_tools
from tests.wheelhouse import files_below

IRIS = Path(__file__).parents[2] / "samples" / "iris" / "iris.onnx"
MODULE = "onnxruntime/capi/onnxruntime_pybind11_state.cpython-313-aarch64-linux-gnu.so"
LIBRARY = "onnxruntime/capi/libonnxruntime.so.1.31.1"
TOOLS = ["onnxruntime/quantization/__init__.py", "onnxruntime/tools/a.py", "onnxruntime/transformers/b.py"]
WHEEL = {
    "onnxruntime/__init__.py": b"def look(): from .transformers import b",
    MODULE: b"\x7fELF\0libonnxruntime_providers_cuda.so\0libc.so.6",
    LIBRARY: b"\x7fELF\0libonnxruntime.so.1",
    **{path: b"import onnxruntime.tools" for path in TOOLS},
}


def slimmed(root: Path, files: dict[str, bytes], *, keep_tools: bool = False) -> list[str]:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    slim(root, keep_tools=keep_tools)
    return files_below(root)


def test_the_second_engine_and_the_tools_go(tmp_path: Path) -> None:
    assert slimmed(tmp_path, WHEEL) == ["onnxruntime/__init__.py", MODULE]


@pytest.mark.parametrize(
    "other",
    [
        {MODULE: b"\x7fELF\0libonnxruntime.so.1\0libc.so.6"},
        {"genai/_genai.so": b"\x7fELF\0libonnxruntime.so\0"},
        {"genai/load.py": b"library = next(folder.glob('libonnxruntime*'))"},
    ],
)
def test_an_engine_that_is_linked_to_or_loaded_stays(tmp_path: Path, other: dict[str, bytes]) -> None:
    found = slimmed(tmp_path, {**WHEEL, **other})
    assert LIBRARY in found
    assert not set(TOOLS) & set(found)


def test_without_the_module_that_python_loads_nothing_goes(tmp_path: Path) -> None:
    files = {path: content for path, content in WHEEL.items() if path != MODULE}
    assert slimmed(tmp_path, files) == sorted(files)


def test_tools_that_a_package_or_the_project_uses_stay(tmp_path: Path) -> None:
    found = slimmed(tmp_path / "a", {**WHEEL, "optimum/q.py": b"import onnxruntime.quantization as q"})
    assert set(TOOLS) < set(found) and LIBRARY not in found
    assert set(TOOLS) < set(slimmed(tmp_path / "b", WHEEL, keep_tools=True))


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("from onnxruntime.quantization import quantize_dynamic", True),
        ("import onnxruntime.transformers.optimizer", True),
        ("from onnxruntime import InferenceSession as S, tools", True),
        ("from onnxruntime import (\n    InferenceSession,\n    quantization,\n)", True),
        ("import onnxruntime\nfrom my import tools, transformers", False),
        ("from onnxruntime import InferenceSession\ntools = 1", False),
        ("import transformers, tools", False),
    ],
)
def test_what_uses_the_tools(tmp_path: Path, text: str, uses: bool) -> None:
    (tmp_path / "handler.py").write_text(text)
    assert uses_tools([tmp_path / "handler.py"]) == uses


def test_what_is_left_of_the_real_one_predicts(tmp_path: Path) -> None:
    spec = find_spec("onnxruntime")
    assert spec is not None and spec.submodule_search_locations is not None
    whole = Path(spec.submodule_search_locations[0])
    shutil.copytree(whole, tmp_path / "onnxruntime")
    slim(tmp_path, keep_tools=False)
    left = files_below(tmp_path)
    assert not [path for path in left if "/libonnxruntime.so" in path or "/transformers/" in path]
    script = (
        "import sys, numpy, onnxruntime\n"
        "assert onnxruntime.__file__.startswith(sys.argv[1]), onnxruntime.__file__\n"
        "session = onnxruntime.InferenceSession(sys.argv[2], providers=['CPUExecutionProvider'])\n"
        "name = session.get_inputs()[0].name\n"
        "print(session.run(None, {name: numpy.array([[5.1, 3.5, 1.4, 0.2]], numpy.float32)})[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(IRIS)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("[0]", "['setosa']"), done.stdout
