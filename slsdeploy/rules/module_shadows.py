"""Modules of the project that stand in the way of others."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from slsdeploy.bundle import distributions, facts, own_modules
from slsdeploy.rules.rule import Finding, Rule, Severity, Subject

# The runtime's own needs: no function starts without them.
_NEEDED = frozenset({"numpy", "onnxruntime", "aws_lambda_powertools", "orjson"})
# What these import when they start; of the rest of the standard library it depends.
_EARLY = frozenset(
    {
        *("abc", "array", "ast", "asyncio", "atexit", "base64", "binascii", "bisect", "bz2", "calendar"),
        *("codecs", "collections", "concurrent", "contextlib", "contextvars", "copy", "copyreg", "ctypes"),
        *("dataclasses", "datetime", "dis", "email", "encodings", "enum", "errno", "fnmatch", "functools"),
        *("gzip", "hashlib", "heapq", "hmac", "html", "http", "importlib", "inspect", "io", "ipaddress"),
        *("itertools", "json", "keyword", "linecache", "locale", "logging", "lzma", "math", "mimetypes"),
        *("numbers", "operator", "os", "pathlib", "pickle", "platform", "queue", "random", "re", "secrets"),
        *("select", "selectors", "shutil", "signal", "socket", "ssl", "stat", "string", "struct", "subprocess"),
        *("sys", "textwrap", "threading", "time", "token", "tokenize", "traceback", "types", "typing"),
        *("urllib", "uuid", "warnings", "weakref", "zlib"),
    }
)


class ModuleShadows(Rule):
    """A module of the project has the name of one that others import.

    Lambda looks into the project's code first. A name of the standard library that hardly anything imports at start is a warning.

    Why: `import random`, in numpy, would get the project's random.py, and the function would not start.

    Mend: rename the module, or move it into a package of the project: app/random.py.

    Example:
        random.py beside handler.py
    """

    id = "module-shadows"
    link = "https://docs.python.org/3/library/sys_path_init.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        installed = _installed(subject)
        for name, path in own_modules.tops(subject.contents.files).items():
            whose, severity = _other(name, installed)
            if whose:
                message = f"{path} is imported where {name} of {whose} is meant"
                yield self.finding(message, f"rename it, or move it into a package: app/{path}", path, severity)


def _other(name: str, installed: dict[str, str]) -> tuple[str, Severity | None]:
    """Return whose module has that name, too, and how bad that is; "" for nobody's (reserved-module tells of the runtime's)."""
    if name == "slsdeploy_runtime":
        return "", None
    if name in sys.stdlib_module_names:
        return "the standard library", None if name in _EARLY else "warning"
    return installed.get(name, ""), None


def _installed(subject: Subject) -> dict[str, str]:
    found = {name: name for name in _NEEDED}
    if subject.bundle is not None:
        for each in distributions.of_facts(facts.of(subject.bundle, "dependencies")):
            found |= dict.fromkeys(each.modules, each.name)
    return found
