"""Runs in the function's process: makes `sys.path` what it is on Lambda, then starts a runtime client.

Standard library only. `awslambdaric` is used where it could be installed, our own
client (`slsdeploy_ric`) elsewhere.
"""

# ruff: noqa: PTH100, PTH118, PTH120
from __future__ import annotations

import os
import site
import sys


def lambda_path(stdlib: list[str]) -> list[str]:
    """The order is Lambda's: the code, the layers, what the managed runtime brings, the standard library."""
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    task, opt = os.environ["LAMBDA_TASK_ROOT"], os.environ.pop("SLSDEPLOY_OPT", "/opt")
    layers = [os.path.join(opt, "python", "lib", minor, "site-packages"), os.path.join(opt, "python")]
    own = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    return [task, *own, *layers, os.environ["LAMBDA_RUNTIME_DIR"], *(folder for folder in stdlib if folder not in own)]


def main() -> None:
    """Become the runtime client."""
    here = os.path.dirname(os.path.abspath(__file__))
    # Started with -S: without the host's site-packages; the interactive names that `site` adds are expected, though.
    sys.path[:] = lambda_path([folder for folder in sys.path if os.path.abspath(folder) != here])
    site.setquit()
    site.sethelper()
    try:
        from awslambdaric.__main__ import main as run
    except ImportError:
        from slsdeploy_ric import main as run  # type: ignore[import-not-found]
    sys.argv = ["bootstrap.py", os.environ["_HANDLER"]]
    run(sys.argv)


main()
