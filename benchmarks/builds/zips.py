"""A project with a model, built for a zip function with layers: ours beside `sam build` of the same packages, model and handler.

    first         nothing made yet, what is downloaded is in uv's and pip's caches
    unchanged     the same again
    changed       one line of the handler changed

`sam build` runs as it is fastest: `--cached`, in its own virtual environment. It needs a Python of the function's version on this machine.
Ours does more than it: it compiles, checks, slims and packs; `sam build` leaves packing to `sam deploy`.
Goals: 10 times faster the first time, 50 times after that.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from builds.timing import Rounds, table, timed
from slsdeploy.effects.shell import SystemShell
from slsdeploy.interpreters import find_interpreter

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.13"
HANDLER = "def postprocess(outputs):\n    return outputs  # round {}\n"
# The least that a function by hand needs; what it does when called is not measured here.
BY_HAND = """\
import onnxruntime

SESSION = onnxruntime.InferenceSession("iris.onnx")  # round {}


def handler(event, context):
    return {{}}
"""
TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Handler: app.handler
      Runtime: python{python}
      Architectures: [{architecture}]
"""
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
TITLES = {"first": "first build", "unchanged": "no change", "changed": "a line of the handler changed"}


def measure(runs: int, sam: str = "") -> None:
    """Measure and print; `sam` is its program ("": it is installed for this run)."""
    interpreter = find_interpreter(PYTHON, SystemShell())
    if interpreter is None:
        raise SystemExit(f"`sam build` needs a Python {PYTHON} here: uv python install {PYTHON}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        program = sam or install(folder / "sam")
        made = project(folder / "ours")
        by_hand(folder / "theirs", made)
        theirs = {
            "PATH": os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", "")]),
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(folder / "sam-settings"),
        }
        contestants = (Rounds("ours"), Rounds("sam build"))
        for number in range(runs + 1):
            measured = (ours(folder / "ours", number), of_sam(folder / "theirs", program, theirs, number))
            for each, took in zip(contestants, measured, strict=True):
                if number:
                    each.keep(took)
            print(f"round {number} of {runs}{'' if number else ' (not counted)'}", file=sys.stderr)
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    print(f"\n{version}, Python {PYTHON}, {ARCHITECTURES[platform.machine()]}\n")
    print("\n".join(table(contestants, TITLES)))


def install(folder: Path) -> str:
    """Install aws-sam-cli into a virtual environment of its own; return its program."""
    uv = str(Path(sys.executable).with_name("uv"))
    timed([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], {})
    timed([uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), "aws-sam-cli"], {})
    return str(folder / "bin/sam")


def project(folder: Path) -> Path:
    """Write our project, samples/iris with a handler, and lock it; nothing of it is made."""
    shutil.copytree(ROOT / "samples/iris", folder, ignore=shutil.ignore_patterns(".slsdeploy", "slsdeploy.lock"))
    text = (folder / "slsdeploy.toml").read_text()
    name, _, rest = text.partition("\n")
    settings = f'python = "{PYTHON}"\narchitecture = "{ARCHITECTURES[platform.machine()]}"\npackage = "layer"\n'
    (folder / "slsdeploy.toml").write_text(f"{name}\n{settings}{rest}")
    (folder / "handler.py").write_text(HANDLER.format("before"))
    timed([sys.executable, "-m", "slsdeploy", "lock", str(folder)], cache(folder))
    return folder


def by_hand(folder: Path, like: Path) -> None:
    """Write the same for `sam build`: the packages that ours has locked, its model, a handler."""
    (folder / "src").mkdir(parents=True)
    (target,) = tomllib.loads((like / "slsdeploy.lock").read_text())["target"]
    packages = [package["requirement"] for package in target["package"]]
    (folder / "src/requirements.txt").write_text("\n".join(packages) + "\n")
    shutil.copyfile(like / "iris.onnx", folder / "src/iris.onnx")
    settings = {"python": PYTHON, "architecture": ARCHITECTURES[platform.machine()]}
    (folder / "template.yaml").write_text(TEMPLATE.format(**settings))


def cache(folder: Path) -> dict[str, str]:
    return {"SLSDEPLOY_CACHE_DIR": str(folder.parent / "our-cache")}


def ours(folder: Path, number: int) -> dict[str, float]:
    """Build three times: with nothing made, with nothing changed, with a changed handler."""
    for made in (folder / ".slsdeploy", folder.parent / "our-cache"):
        shutil.rmtree(made, ignore_errors=True)
    argv = [sys.executable, "-m", "slsdeploy", "build", str(folder), "--json"]
    return three(argv, cache(folder), None, folder / "handler.py", HANDLER, number)


def of_sam(folder: Path, program: str, env: Mapping[str, str], number: int) -> dict[str, float]:
    """Build three times as ours."""
    shutil.rmtree(folder / ".aws-sam", ignore_errors=True)
    return three([program, "build", "--cached"], env, folder, folder / "src/app.py", BY_HAND, number)


def three(
    argv: list[str], env: Mapping[str, str], cwd: Path | None, code: Path, text: str, number: int
) -> dict[str, float]:
    code.write_text(text.format(f"{number} a"))
    took = {"first": timed(argv, env, cwd), "unchanged": timed(argv, env, cwd)}
    code.write_text(text.format(f"{number} b"))
    return {**took, "changed": timed(argv, env, cwd)}
