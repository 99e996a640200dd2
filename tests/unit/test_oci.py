"""References to images, read as registries and Docker read them."""

from __future__ import annotations

import pytest

from slsdeploy.errors import ProjectError
from slsdeploy.oci import reference

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("public.ecr.aws/lambda/python:3.13", "public.ecr.aws/lambda/python:3.13"),
        (f"public.ecr.aws/lambda/python:3.13@{DIGEST}", f"public.ecr.aws/lambda/python:3.13@{DIGEST}"),
        ("127.0.0.1:5000/iris", "127.0.0.1:5000/iris"),
        ("[::1]:5000/iris:a", "[::1]:5000/iris:a"),
        ("localhost/iris", "localhost/iris"),
        ("python:3.13-slim", "registry-1.docker.io/library/python:3.13-slim"),
        ("docker.io/bitnami/python", "registry-1.docker.io/bitnami/python"),
        ("bitnami/python", "registry-1.docker.io/bitnami/python"),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a-b/c_d.e__f",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a-b/c_d.e__f",
        ),
    ],
)
def test_a_reference_is_read_and_written(text: str, written: str) -> None:
    assert str(reference(text)) == written
    assert reference(written) == reference(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "https://host.io/a", "host.io/A", "a:b:c", "a@sha256:0", "host.io/", "a//b", "a..b"]
)
def test_others_are_refused(text: str) -> None:
    with pytest.raises(ProjectError, match="is no reference to an image"):
        reference(text)
