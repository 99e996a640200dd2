"""Ctrl-C while something is put away: the user is told that it goes on for a moment, and a second one ends it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from slsdeploy import __main__

def work(words):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    finally:
        {after}

__main__._run = work
__main__.main()
"""
ENDING = "ending; Ctrl-C again ends at once"
INTERRUPTED = "interrupted; the same command goes on from here"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("pass", [INTERRUPTED]),
        ("time.sleep(1.5)", [ENDING, INTERRUPTED]),
        ("time.sleep(1); os.kill(os.getpid(), signal.SIGINT); time.sleep(30)", [ENDING, INTERRUPTED]),
    ],
)
def test_an_interrupted_command_that_takes_long_to_end_says_so(after: str, said: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(after=after)], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 130
    assert [line for line in done.stderr.splitlines() if line] == said
