"""What Lambda's managed Python runtime brings beside the standard library, installed once per interpreter into the cache.

boto3, awslambdaric and snapshot_restore_py, as on Lambda; awslambdaric only where it has a wheel. The folder is mounted as
/var/runtime, with our bootstrap and our own runtime client in it. Must not be on the path of anything but functions.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from slsdeploy.errors import ToolError
from slsdeploy.tools import Shell

_OWN = {"bootstrap.py": "bootstrap.py", "ric.py": "slsdeploy_ric.py"}
_PACKAGES = ("boto3", "snapshot-restore-py")
_CLIENT = "awslambdaric"


class ManagedRuntimes:
    """The folders to be mounted as /var/runtime, one per interpreter. Thread-safe."""

    def __init__(self, cache: Path, shell: Shell) -> None:
        self._folder = cache / "runtimes"
        self._shell = shell
        self._lock = threading.Lock()
        self._ready: dict[Path, Path] = {}
        self.problem = ""

    def folder(self, interpreter: Path) -> Path:
        """Return an interpreter's folder, installing what belongs there the first time.

        Without a package index it holds our own client alone; `problem` says so, and the next local AWS tries again.
        """
        with self._lock:
            if interpreter not in self._ready:
                target = self._folder / self._name(interpreter)
                self._ready[interpreter] = target if target.is_dir() else self._install(interpreter, target)
            return self._ready[interpreter]

    def _name(self, interpreter: Path) -> str:
        own = b"".join((Path(__file__).parent / name).read_bytes() for name in sorted(_OWN))
        facts = " ".join((str(interpreter), *_PACKAGES, _CLIENT)).encode()
        return hashlib.sha256(facts + own).hexdigest()[:32]

    def _install(self, interpreter: Path, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        temporary.chmod(0o755)
        for name, place in _OWN.items():
            shutil.copyfile(Path(__file__).parent / name, temporary / place)
        problem = self._uv(interpreter, _PACKAGES, temporary)
        if problem:
            self.problem = problem
            target = target.with_name(f"bare-{target.name}")
            shutil.rmtree(target, ignore_errors=True)
        else:
            # No wheel for this platform or Python is no problem: our own client takes its place.
            self._uv(interpreter, (_CLIENT,), temporary)
        try:
            return temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(temporary)  # another local AWS was quicker
            return target

    def _uv(self, interpreter: Path, packages: Sequence[str], target: Path) -> str:
        """Install packages; return what went wrong."""
        from uv import find_uv_bin

        try:
            uv = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--python", str(interpreter)]
            done = self._shell.run([*uv, "--only-binary", ":all:", "--compile-bytecode", *packages])
        except (ToolError, FileNotFoundError) as error:
            return str(error)
        return "" if done.code == 0 else (done.stderr.strip().splitlines() or ["uv failed"])[0]
