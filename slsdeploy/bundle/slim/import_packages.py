"""Run by the target's own interpreter, as a script: import modules one after the other, and write down what came of each at once.

    PYTHONPATH=<packages> python -P -s -S import_packages.py MODULES ANSWER

MODULES is a JSON array. ANSWER gets a line of JSON for each when it begins (`[name]`) and when it ends (`[name, "" or what went wrong]`):
a module that ends the process, or never ends, is the one that began last. The first line is Python's version.
"""

import importlib
import json
import os
import sys


def main(modules: str, path: str) -> None:
    """Import them all."""
    with open(modules, encoding="utf-8") as stream:  # noqa: PTH123
        names = json.load(stream)
    answer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    write(answer, sys.version.split()[0])
    for name in names:
        write(answer, [name])
        write(answer, [name, attempt(name)])
    os._exit(0)


def attempt(name: str) -> str:
    """Import a module; return in words what went wrong ("" when nothing did)."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # sys.exit() too
        try:
            words = str(error)
        except Exception:
            words = ""
        return f"{type(error).__name__}: {words}"[:300]
    return ""


def write(answer: int, value: object) -> None:
    """Write a line, past all buffers: the process may end any moment."""
    os.write(answer, (json.dumps(value) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
