"""Lines are hashed as GitHub's own uploader hashes them: the expected values are its published ones."""

from __future__ import annotations

import pytest

from slsdeploy.fingerprints import of_lines

MIXED = ["e9496ae3ebfced30", "fb7c023a8b9ccb3f", "ce8ba1a563dcdaca", "e20e36e16fcb0cc8", "b3edc88f2938467e"]
MIXED += ["c8e28b0b4002a3a0", "c129715d7a2bc9a3"]
LOREM = [
    *("a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1", "55ec222b86bcae53:1", "cc97dc7b1d7d8f7b:1", "c129715d7a2bc9a3:1")
]


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (" a\nb\n  \t\tc\n d", ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]),
        (" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", [f"{each}:1" for each in MIXED]),
        (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", [f"{each}:1" for each in MIXED]),
        (
            "Lorem ipsum dolor sit amet.\n" * 10,
            [*(f"a7f2ff13bc495cf2:{number}" for number in range(1, 7)), *LOREM],
        ),
    ],
)
def test_lines(text: str, hashes: list[str]) -> None:
    assert of_lines(text) == hashes


def test_a_line_keeps_its_hash_when_it_moves() -> None:
    text = "first = 1\nsecond = 2\n"
    assert of_lines("# a comment\n" + text)[1:] == of_lines(text)
