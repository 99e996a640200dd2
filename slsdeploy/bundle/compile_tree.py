"""Run by the target's own interpreter, as a script: compile a share of a tree's modules to bytecode beside them.

    python -P -s -S compile_tree.py TREE SHARE SHARES

TREE holds `task/` and `opt/`; the paths in the bytecode are Lambda's. The files are taken in a fixed order by a process that does
nothing else, since what is marshalled depends on what was compiled before it. Files that are no valid Python are left as they are:
packages carry templates and code for other versions.
"""

import os
import py_compile
import sys

# Where Lambda mounts the folders of a tree.
MOUNTS = {"task": "/var/task", "opt": "/opt"}


def modules(tree: str) -> list[str]:
    """List a tree's modules, relative to it, sorted."""
    found = []
    for folder, _, names in os.walk(tree):
        found += [os.path.relpath(os.path.join(folder, name), tree) for name in names if name.endswith(".py")]  # noqa: PTH118
    return sorted(path.replace(os.sep, "/") for path in found)


def main(tree: str, share: int, shares: int) -> None:
    """Compile every `shares`-th module, beginning with number `share`."""
    # Lambda must not compare times or hashes: the zip has neither, and the bytecode comes from the very source beside it.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for path in modules(tree)[share::shares]:
        mount, _, rest = path.partition("/")
        try:
            py_compile.compile(
                f"{tree}/{path}", dfile=f"{MOUNTS[mount]}/{rest}", doraise=True, optimize=0, invalidation_mode=mode
            )
        except (py_compile.PyCompileError, ValueError, RecursionError):
            continue


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except OSError as error:  # the disk is full, most likely
        sys.exit(str(error))
