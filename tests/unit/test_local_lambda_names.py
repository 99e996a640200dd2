"""A function has several names, and each means the same one."""

from __future__ import annotations

import pytest

from slsdeploy.local.lambda_names import arn, split


@pytest.mark.parametrize(
    ("given", "name", "qualifier"),
    [
        ("f", "f", None),
        ("f:live", "f", "live"),
        ("123456789012:function:f", "f", None),
        ("123456789012:function:f:1", "f", "1"),
        ("arn:aws:lambda:eu-central-1:123456789012:function:f:$LATEST", "f", "$LATEST"),
        ("arn:aws:lambda:eu-central-1:123456789012:function:function", "function", None),
        ("arn:aws:lambda:eu-central-1:123456789012:function:function:live", "function", "live"),
        ("myfunction:live", "myfunction", "live"),
        ("function:live", "function", "live"),
    ],
)
def test_functions_are_named_in_several_ways(given: str, name: str, qualifier: str | None) -> None:
    assert split(given) == (name, qualifier)


def test_a_qualifier_in_the_name_counts_before_one_beside_it() -> None:
    assert split("f", "1") == ("f", "1")
    assert split("f:live", "1") == ("f", "live")
    assert split(arn("eu-central-1", "f", "live")) == ("f", "live")
