"""Hashes in the project's requirements decide over what is locked."""

from __future__ import annotations

import pytest

from slsdeploy.bundle.lock import Package
from slsdeploy.bundle.stated_hashes import keep
from slsdeploy.errors import BuildError

LOCKED = (Package("big-gear==1", ("sha256:a", "sha256:b", "sha256:c")), Package("axle==2", ("sha256:d",)))


def test_only_what_is_stated_is_kept() -> None:
    text = "Big_Gear==1 ; python_version >= '3.12' \\\n    --hash=sha256:c \\\n    --hash=sha256:a  # via axle\n-r more.txt\n"
    kept = keep(LOCKED, text.splitlines(), "requirements.txt")
    assert kept == (Package("big-gear==1", ("sha256:a", "sha256:c")), LOCKED[1])


@pytest.mark.parametrize("lines", [[], ["big-gear", "axle==2"], ["axle==2  # --hash=sha256:d"]])
def test_where_nothing_is_stated_everything_is_kept(lines: list[str]) -> None:
    assert keep(LOCKED, lines, "requirements.txt") == LOCKED


def test_what_has_none_of_them_is_refused() -> None:
    with pytest.raises(BuildError, match="axle==2 is not what"):
        keep(LOCKED, ["axle==2 --hash=sha256:e"], "requirements.txt")


@pytest.mark.parametrize(
    "line",
    [
        "axle --hash sha256:e",
        "axle --hash=SHA256:E",
        "axle --hash='sha256:e'",
        'axle --hash "sha256:e"',
        "axle\t--hash = sha256:e",
    ],
)
def test_a_hash_counts_however_it_is_written(line: str) -> None:
    with pytest.raises(BuildError, match="axle==2 is not what"):
        keep(LOCKED, [line], "requirements.txt")


def test_a_hash_in_a_comment_allows_nothing() -> None:
    text = "# gear\nbig-gear==1 \\\n    --hash=sha256:a \\\n    # --hash=sha256:b \\\n    --hash=sha256:c  # --hash=sha256:b\n"
    assert keep(LOCKED, text.splitlines(), "requirements.txt")[0].hashes == ("sha256:a", "sha256:c")


def test_hashes_that_the_lock_does_not_have_are_refused() -> None:
    with pytest.raises(BuildError, match="none by sha256"):
        keep(LOCKED, ["axle==2 --hash=sha512:e"], "requirements.txt")
    assert keep(LOCKED, ["axle==2 --hash=sha512:e --hash=sha256:d"], "requirements.txt") == LOCKED
