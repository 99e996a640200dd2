"""Foreign metadata -> components that the schema takes, whatever is in it."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from slsdeploy.bundle import sbom_components as components
from slsdeploy.bundle.distributions import Distribution

DIGEST = "sha256:" + "a" * 64


def written(*found: Any) -> str:
    """Return the document of these components, once the schema has taken it."""
    metadata = BomMetaData(timestamp=datetime(2000, 1, 1, tzinfo=UTC))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = JsonV1Dot6(Bom(components=found, metadata=metadata)).output_as_string()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return text


@pytest.mark.parametrize(
    "odd",
    [
        Distribution("a", ""),
        Distribution("../../etc/passwd", "1"),
        Distribution("a b\x00\x07c", "1.0+local!@#"),
        Distribution("é\ufffd", "v" * 5000),
        Distribution("a", "1", licences=("",)),
        Distribution("a", "1", licences=("MIT OR",)),
        Distribution("a", "1", licences=("(" * 500,)),
        Distribution("a", "1", licences=("mit", "MIT", "GPL-3.0-or-later WITH Nothing", "AND")),
        Distribution("a", "1", hashes=("sha256:short", "md5:" + "a" * 32, "nonsense")),
        Distribution("a", "1", hashes=("sha512:" + "a" * 128,)),
        Distribution("a", "1", digest="sha256:" + "Z" * 64),
        Distribution("a", "1", tags=("", "???"), licence_files=("x" * 3000,), wheel="%%%.whl"),
    ],
)
def test_whatever_a_package_says_the_schema_takes_it(odd: Distribution) -> None:
    written(components.package(odd), components.package(Distribution("other", "1", digest=DIGEST)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MIT License", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("3-Clause BSD License", "BSD-3-Clause"),
    ],
)
def test_names_that_can_mean_nothing_else_are_spdx_s(name: str, expected: str) -> None:
    assert f'"id": "{expected}"' in written(components.package(Distribution("a", "1", licences=(name,))))


@pytest.mark.parametrize("name", ["BSD License", "Proprietary", "see LICENSE"])
def test_other_names_stay_names(name: str) -> None:
    assert f'"name": "{name}"' in written(components.package(Distribution("a", "1", licences=(name,))))


def test_a_model_with_an_odd_signature() -> None:
    said = {"model:input:x\n": ["FP32[-1]"], "model:opset": ["0"], "model:file": [], "model:origin": [""]}
    assert "FP32[-1]" in written(components.model("m", "1", "b" * 64, said))


@pytest.mark.parametrize(
    "reference",
    [f"public.ecr.aws/lambda/python:3.13@{DIGEST}", f"localhost:5000/a@{DIGEST}", f"python@{DIGEST}"],
)
def test_a_base(reference: str) -> None:
    assert "pkg:oci/" in written(components.base(reference))
