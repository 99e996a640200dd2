"""Names that a terminal would obey, told as text."""

from __future__ import annotations

import pytest

from slsdeploy.printable import printable


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b/ü.txt", "a b/ü.txt"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("caf\udce9", "caf\\udce9"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("", ""),
    ],
)
def test_a_name_is_one_line_of_text(name: str, expected: str) -> None:
    assert printable(name) == expected
