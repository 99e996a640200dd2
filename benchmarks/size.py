"""What a function takes, as others ship it and as we do, from the same locked versions: `python benchmarks/size.py [--python 3.13]`.

    usual   what `pip install --target` puts there, beside the same runtime, model and code; no bytecode
    ours    what `slsdeploy build` ships: slimmed, tried out, with bytecode in it

Both are zipped by the same compressor. The last column is the largest difference between the outputs of the model (samples/iris) in
fresh processes with the one and with the other, and whether all bits are the same. This machine must have the Python; without its
architecture (`--architecture`) nothing can be run, and there is no difference to tell.

Goals, for the first row on x86_64: at most 85 MiB unzipped, 30 MB zipped, difference 0.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from slsdeploy.bundle import archive, tree  # noqa: E402
from slsdeploy.effects.shell import SystemShell  # noqa: E402
from slsdeploy.interpreters import find_interpreter  # noqa: E402

SETS: dict[str, tuple[str, ...]] = {
    "onnxruntime + numpy + runtime": (),
    "with scikit-learn": ("scikit-learn",),
    "with pandas": ("pandas",),
    "with Pillow, boto3": ("pillow", "boto3"),
    "with FastAPI": ("fastapi",),
}
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
ANSWER = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
rows = numpy.random.Generator(numpy.random.PCG64(1)).normal(3, 2, (1000, 4)).astype(numpy.float32)
(name,) = [each.name for each in session.get_inputs()]
arrays = [numpy.asarray(each) for each in session.run(None, {name: rows})]
numpy.savez(sys.argv[2], *[each.astype(str) if each.dtype.kind == "O" else each for each in arrays])
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default="3.13")
    parser.add_argument("--architecture", default=MACHINES.get(platform.machine().lower(), "x86_64"))
    asked = parser.parse_args()
    print(f"Python {asked.python}, {asked.architecture}; MiB unzipped, MB zipped")
    print(f"{'':32}{'usual':>9}{'zipped':>9}{'ours':>9}{'zipped':>9}{'of it':>8}   outputs")
    for name, extra in SETS.items():
        with tempfile.TemporaryDirectory() as scratch:
            print(f"{name:32}{row(Path(scratch), extra, asked)}", flush=True)


def row(scratch: Path, extra: Sequence[str], asked: argparse.Namespace) -> str:
    """Build a project that needs these packages; install the same for comparison."""
    project, usual = scratch / "iris", scratch / "usual"
    shutil.copytree(ROOT / "samples/iris", project, ignore=shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock"))
    (project / "requirements.txt").write_text("".join(f"{name}\n" for name in extra))
    built = build(project, asked)
    parts = {part["name"]: part for part in built["parts"]}
    install(project, built, usual / "task", asked)
    files = tree.walk(usual)
    archive.pack(usual, files, scratch / "usual.zip")
    before, after = sum(file.bytes for file in files), built["unzipped_bytes"]
    zipped = [(scratch / "usual.zip").stat().st_size, sum(part["compressed_bytes"] for part in parts.values())]
    sizes = (
        f"{before / 2**20:9.1f}{zipped[0] / 1e6:9.1f}{after / 2**20:9.1f}{zipped[1] / 1e6:9.1f}{after / before:8.0%}"
    )
    return f"{sizes}   {difference(project, usual / 'task', Path(built['path']), asked)}"


def build(project: Path, asked: argparse.Namespace) -> dict[str, Any]:
    argv = [sys.executable, "-m", "slsdeploy", "build", str(project), "--json"]
    argv += ["--set", f"python={asked.python}", "--set", f"architecture={asked.architecture}"]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def install(project: Path, built: dict[str, Any], folder: Path, asked: argparse.Namespace) -> None:
    """Install what is locked, whole, and put the runtime's modules, the model and the code beside it."""
    pins = project / "pins.txt"
    lock = (project / "slsdeploy.lock").read_text().splitlines()
    wanted = [line.split('"')[1] for line in lock if line.strip().startswith("requirement =")]
    pins.write_text("\n".join(wanted))
    machine = {"x86_64": "x86_64", "arm64": "aarch64"}[asked.architecture]
    options = [
        "--python-platform",
        f"{machine}-manylinux_2_34",
        "--python-version",
        asked.python,
        "--only-binary",
        ":all:",
    ]
    argv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        "-r",
        str(pins),
    ]
    subprocess.run([*argv, *options, "--python", sys.executable], check=True)
    bundle = Path(built["path"])
    for source in (bundle / "opt/python/slsdeploy_runtime", bundle / "opt/models"):
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(bundle / "task", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def difference(project: Path, usual: Path, bundle: Path, asked: argparse.Namespace) -> str:
    interpreter = find_interpreter(asked.python, SystemShell())
    if interpreter is None or MACHINES.get(platform.machine().lower()) != asked.architecture:
        return "cannot be run here"
    one, two = (answers(interpreter, packages, project) for packages in (usual, bundle / "opt/python"))
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a.dtype.kind == "f"]
    largest = max((float(np.max(np.abs(a - b))) for a, b in pairs), default=0.0)
    same = all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(one, two, strict=True))
    return f"difference {largest:g}{', the same bits' if same else ''}"


def answers(interpreter: Path, packages: Path, project: Path) -> list[np.ndarray[Any, Any]]:
    """Run the model in a fresh process that has only these packages."""
    path = project / "answers.npz"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [str(interpreter), "-P", "-s", "-S", "-c", ANSWER, str(project / "iris.onnx"), str(path)]
    subprocess.run(argv, check=True, env=env, timeout=120)
    with np.load(path) as found:
        return [found[name] for name in found.files]


if __name__ == "__main__":
    main()
