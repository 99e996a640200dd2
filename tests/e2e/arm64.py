"""A Debian root for arm64 with CPython and nothing else, got by apt once and kept; what runs in it does so by qemu's translation.

Nothing is installed or registered on this machine: packages are only unpacked, and the translator is named in front of the program, as
nothing inside starts another. There is neither /proc nor /sys in it, and on Lambda little of them can be read either.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slsdeploy.assets import cache_dir
from slsdeploy.effects.shell import SystemShell
from slsdeploy.interpreters import find_interpreter
from tests.e2e.debian import PYTHON, SUITE
from tests.e2e.emulator import Unavailable

# The user's own, whatever a test sets later: it is made once, not once per test run.
CACHE = cache_dir()
QEMU = shutil.which("qemu-aarch64-static")
_PACKAGES = (
    *(f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib"),
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1"),
    *("libssl3t64", "libffi8", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libuuid1", "libzstd1"),
)
_SECONDS = 300
_DRIVER = """
import importlib.util, json, platform, sys
from slsdeploy_runtime.app import handler

class Context:
    aws_request_id = "one"
    function_name = "arm"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:arm"

    def get_remaining_time_in_millis(self):
        return 30000

asked = json.loads(sys.argv[1])
answers = [handler(event, Context()) for event in asked["events"]]
for name in asked["imports"]:
    importlib.import_module(name)
magic = importlib.util.MAGIC_NUMBER.hex()
print("\\n" + json.dumps({"machine": platform.machine(), "magic": magic, "answers": answers}))
"""


def root(cache: Path = CACHE) -> Path:
    """Return the root file system, making it the first time; one process does, the others wait for it. Raises Unavailable."""
    if QEMU is None:
        raise Unavailable("qemu-user-static is not installed")
    if os.geteuid() != 0:
        raise Unavailable("chroot wants root")
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program}")
    interpreter = find_interpreter(PYTHON, SystemShell())
    if interpreter is None:
        raise Unavailable(f"there is no Python {PYTHON} here to compile its bytecode: translated, that takes minutes")
    folder = cache / "debian"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{SUITE}-arm64"
    with (folder / "lock-arm64").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _make(made, interpreter)
    return made


def _make(target: Path, interpreter: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=target.parent) as scratch:
        draft = Path(scratch, "root")
        for package in _download(Path(scratch)):
            _run(["dpkg-deb", "--extract", str(package), str(draft)], Path(scratch))
        for name in ("bin", "lib"):  # as base-files has them
            (draft / name).symlink_to(f"usr/{name}")
        (draft / "tmp").mkdir(mode=0o1777)
        library = draft / "usr" / "lib" / f"python{PYTHON}"
        _run([str(interpreter), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(library)], draft)
        draft.chmod(0o755)
        draft.rename(target)


def _download(scratch: Path) -> list[Path]:
    """Fetch the packages, from where this machine's own come from, by lists of our own."""
    said = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], scratch).split()
    if not said:
        raise Unavailable("apt has no sources")
    for name in ("state/lists/partial", "cache/archives/partial", "packages"):
        (scratch / name).mkdir(parents=True)
    (scratch / "sources.list").write_text(f"deb {said[0]} {SUITE} main\n")
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dir::State": scratch / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::SourceList": scratch / "sources.list",
        "Dir::Etc::SourceParts": "/nonexistent",
    }
    apt = ["apt-get", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    _run([*apt, "update", "--error-on=any"], scratch)
    _run([*apt, "download", *_PACKAGES], scratch / "packages")
    return sorted((scratch / "packages").glob("*.deb"))


def _run(argv: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{argv[0]} did not end within {_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).strip().splitlines() or ["it said nothing"]
        raise Unavailable(f"{argv[0]} failed: {said[-1]}") from error
    return done.stdout


def ask(place: Path, variables: Mapping[str, str], events: Sequence[Any], imports: Sequence[str]) -> dict[str, Any]:
    """Hand events to the function in a root file system; return what it answers, and on what."""
    assert QEMU is not None
    shutil.copy(QEMU, place / "qemu")
    (place / "driver.py").write_text(_DRIVER)
    # as Lambda's user, who is nobody there
    inside = ["chroot", "--userspec=993:990", str(place), "/qemu", f"/usr/bin/python{PYTHON}", "-S", "-B", "/driver.py"]
    argv = [*inside, json.dumps({"events": events, "imports": imports})]
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
