"""An image's function -> one that a process of this machine can run, without a container: its handler, its Python, its variables.

What an image starts must be Lambda's client for Python, as in AWS's images, in ours and in those of `awslambdaric`. What needs more of
the image than /var/task and /opt is refused, with what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from slsdeploy.local.functions.values import ContainerImage, FunctionSpec

HINT = ": this needs a container (slsdeploy up --local --engine docker)"
# https://github.com/aws/aws-lambda-base-images, https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-clients
_ENTRY_SCRIPT = "/lambda-entrypoint.sh"
_PYTHON = re.compile(r"(?:/[\w./-]+/)?python3?(?:\.\d+)?")
_HANDLER = re.compile(r"[\w./-]*\w\.[A-Za-z_]\w*")
_MINOR = re.compile(r"3\.\d+")
# They name folders of the image's own, or are Lambda's to say.
_NOT_OURS = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LANG", "TZ")


def of(spec: FunctionSpec, image: ContainerImage, python: str) -> FunctionSpec:
    """Return the function with what the image says of it; `python` is what its files are for, "" if unknown. Raises ValueError."""
    said = _MINOR.match(image.environment.get("PYTHON_VERSION", ""))  # of Docker's own images of Python
    minor = said[0] if said else python
    variables = {name: value for name, value in image.environment.items() if name not in _NOT_OURS}
    return replace(
        spec,
        runtime=f"python{minor}" if minor else "",
        handler=_handler([*image.entry_point, *image.command]),
        environment={**variables, **spec.environment},
    )


def directory(spec: FunctionSpec, task: Path, opt: Path, temporary: Path) -> str:
    """Return the folder to start in: the code's, or the one that an image says. Raises ValueError."""
    wanted = spec.code.directory if isinstance(spec.code, ContainerImage) else ""
    places: Mapping[str, Path] = {"/var/task": task, "/opt": opt, "/tmp": temporary}
    if wanted in ("", "/"):
        return wanted or str(task)
    for place, folder in places.items():
        if PurePosixPath(wanted).is_relative_to(place) and ".." not in PurePosixPath(wanted).parts:
            return str(folder / PurePosixPath(wanted).relative_to(place))
    raise ValueError(f"the image's working directory is {wanted}, not below {', '.join(places)}{HINT}")


def _handler(argv: Sequence[str]) -> str:
    """Return the handler from what a container would be started with. Raises ValueError."""
    match list(argv):
        case [script, handler] if script == _ENTRY_SCRIPT:
            return handler
        case [python, *options, "-m", "awslambdaric", handler] if _PYTHON.fullmatch(python):
            if all(option in ("-u", "-B", "-s", "-E", "-I") for option in options):
                return handler
        case [handler] if _HANDLER.fullmatch(handler) and not handler.startswith("/"):
            return handler  # an image of ours, which has no base here
    shown = " ".join(argv) or "nothing"
    raise ValueError(f"the image starts {shown}, not Lambda's runtime client for Python{HINT}")
