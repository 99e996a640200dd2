"""What an image says it starts -> the handler, the Python and the variables of a process; what needs a container is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.local.functions import image_process
from slsdeploy.local.functions.values import ContainerImage, FunctionSpec
from tests.specs import spec

IMAGE = ContainerImage("here/app", "sha256:0", ())
SPEC = spec(IMAGE, environment={"LEVEL": "function"})


def of(python: str = "", **said: Any) -> FunctionSpec:
    image = replace(IMAGE, **{"command": ("app.handler",), **said})
    return image_process.of(replace(SPEC, code=image), image, python)


@pytest.mark.parametrize(
    "entry_point",
    [
        (),
        ("/lambda-entrypoint.sh",),
        ("python", "-m", "awslambdaric"),
        ("python3", "-u", "-m", "awslambdaric"),
        ("/usr/local/bin/python3.13", "-m", "awslambdaric"),
        ("/var/lang/bin/python3", "-B", "-u", "-m", "awslambdaric"),
    ],
)
def test_lambdas_client_for_python_is_known_however_it_is_started(entry_point: tuple[str, ...]) -> None:
    assert of(entry_point=entry_point).handler == "app.handler"
    assert of(entry_point=(*entry_point, "package.module.handler"), command=()).handler == "package.module.handler"


@pytest.mark.parametrize(
    ("entry_point", "command"),
    [
        (("/bin/sh", "-c"), ("exec python -m awslambdaric app.handler",)),
        (("python3", "-m", "awslambdaric"), ()),
        (("python3", "-m", "awslambdaric"), ("app.handler", "more")),
        (("python3", "-X", "-m", "awslambdaric"), ("app.handler",)),
        (("python3", "-m", "uvicorn"), ("app:app",)),
        (("python3",), ("app.py",)),
        (("/lambda-entrypoint.sh",), ()),
        (("node",), ("app.handler",)),
        ((), ("/bin/bash",)),
        ((), ("/var/task/run.me",)),
        ((), ("python3.13",)),
        ((), ()),
    ],
)
def test_anything_else_needs_a_container(entry_point: tuple[str, ...], command: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^the image starts .*--engine docker"):
        of(entry_point=entry_point, command=command)


@pytest.mark.parametrize(
    ("version", "python", "runtime"),
    [("3.12.4", "3.13", "python3.12"), ("", "3.13", "python3.13"), ("", "", ""), ("unknown", "3.14", "python3.14")],
)
def test_which_python_it_is_for(version: str, python: str, runtime: str) -> None:
    assert of(python, environment={"PYTHON_VERSION": version}).runtime == runtime


def test_variables_of_folders_in_the_image_are_left_out() -> None:
    said = {"PATH": "/var/lang/bin", "LD_LIBRARY_PATH": "/x", "PYTHONHOME": "/y", "LEVEL": "image", "OWN": "1"}
    assert of(environment=said).environment == {"LEVEL": "function", "OWN": "1"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "/task"),
        ("/", "/"),
        ("/var/task", "/task"),
        ("/var/task/inner/", "/task/inner"),
        ("/opt/tool", "/opt-of-it/tool"),
        ("/tmp", "/temporary"),
    ],
)
def test_where_it_starts(wanted: str, found: str) -> None:
    spec = replace(SPEC, code=replace(IMAGE, directory=wanted))
    assert image_process.directory(spec, Path("/task"), Path("/opt-of-it"), Path("/temporary")) == found


@pytest.mark.parametrize("wanted", ["/app", "/var", "/var/taskforce", "/var/task/../../etc", "relative"])
def test_a_folder_that_is_only_in_the_image_needs_a_container(wanted: str) -> None:
    spec = replace(SPEC, code=replace(IMAGE, directory=wanted))
    with pytest.raises(ValueError, match=r"working directory is .*--engine docker"):
        image_process.directory(spec, Path("/task"), Path("/opt"), Path("/tmp"))
