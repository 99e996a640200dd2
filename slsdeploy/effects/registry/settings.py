"""How long a registry is waited for, and in what pieces it gets things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in bytes."""

    connect: float = 10
    read: float = 60  # of silence
    finish: float = 300  # of silence, while the registry checks what it got
    small: float = 120  # for all of a small answer, however slowly it drips
    attempts: int = 7  # in a row without anything won
    pause: float = 0.5  # before the second attempt; doubled each time
    longest_pause: float = 30
    patience: float = 180  # in a row without anything won
    # GitHub's registry takes no larger one: https://github.com/ocx-sh/ocx/pull/237
    chunk: int = 4 * 1024 * 1024
    largest_chunk: int = 16 * 1024 * 1024  # when a registry asks for more than `chunk`
    lookups: int = 8  # at once
    uploads: int = 4  # at once
    settle: float = 5  # that uploads get to finish their chunk when one failed, or after Ctrl-C
