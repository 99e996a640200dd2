"""Installed packages -> what a function needs of them: no tests, type stubs, headers, caches, scripts or installer's records.

Licences and METADATA (importlib.metadata) stay, and so do the tests of a package that imports them itself.
"""

from __future__ import annotations

import re
from pathlib import Path

from slsdeploy.bundle import tree

_TESTS = frozenset({"tests", "test"})
_SUFFIXES = (".pyi", ".pyc", ".h", ".hpp", ".hh", ".pxd", ".pyx", ".a", ".lib")
_NAMES = frozenset({"py.typed", "conftest.py", ".lock"})
# console scripts name this machine's Python
_SCRIPTS = ("bin", "Scripts")
_RECORDS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "uv_cache.json", "uv_build.json"})
_IMPORTS_TESTS = re.compile(rb"^[ \t]*(?:from|import)[ \t]+[^\n#]*(?<![\w])tests?(?![\w])", re.MULTILINE)


def prune(packages: Path) -> None:
    """Remove from a folder of installed packages what they do not need to run."""
    for name in _SCRIPTS:
        tree.remove(packages / name)
    for path in list(packages.iterdir()):
        if path.is_dir():
            # a package itself may be called tests: what is imported by that name stays
            _prune(path, has_tests=_imports_its_tests(path))
        elif _is_superfluous(path):
            path.unlink()


def _prune(folder: Path, has_tests: bool) -> None:
    for path in list(folder.iterdir()):
        if not path.is_dir():
            if _is_superfluous(path):
                path.unlink()
        elif path.name == "__pycache__" or (path.name in _TESTS and not has_tests):
            tree.remove(path)
        else:
            _prune(path, has_tests)
    if not any(folder.iterdir()):
        folder.rmdir()


def _is_superfluous(path: Path) -> bool:
    is_record = path.name in _RECORDS and path.parent.name.endswith(".dist-info")
    return is_record or path.name in _NAMES or path.suffix in _SUFFIXES


def _imports_its_tests(package: Path) -> bool:
    """Look whether a module outside of the tests imports from them."""
    modules = (path for path in package.rglob("*.py") if not _TESTS & set(path.relative_to(package).parts))
    return any(_IMPORTS_TESTS.search(path.read_bytes()) for path in modules if path.name != "conftest.py")
