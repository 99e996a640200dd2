"""The container engines of this machine: those that run containers, and why one does not."""

from __future__ import annotations

import functools
import shutil
import subprocess

ENGINES = ("docker", "podman")


def run(engine: str, *words: str) -> str:
    """Run an engine's command; return what it printed, nothing if it failed."""
    done = subprocess.run([engine, *words], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout if done.returncode == 0 else ""


@functools.cache
def why_not(engine: str) -> str:
    """Say why an engine does not answer; "" if it does."""
    if not shutil.which(engine):
        return f"{engine} is not installed"
    return "" if run(engine, "info") else f"{engine} does not answer: see `{engine} info`"


def why_no_container(engine: str, image: str, *command: str) -> str:
    """Say why an engine runs no container of an image, with the least of limits and options, whoever starts it; "" if it does."""
    plain = ("--tls-verify=false",) if engine == "podman" else ()
    limits = ("--memory", "256m", "--ulimit", "nofile=64:64", "--ulimit", "nproc=64:64")
    argv = [engine, "run", "--rm", "--network", "host", *plain, *limits, image, *command]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return f"{engine} runs no containers here: {done.stderr.strip()}" if done.returncode else ""
