"""Has a tree's modules compiled to bytecode by the target's interpreter: without it Lambda compiles them at every cold start."""

from __future__ import annotations

from pathlib import Path

from slsdeploy.bundle import compile_tree
from slsdeploy.errors import ToolError
from slsdeploy.tools import Completed, Tools
from slsdeploy.types import Target

# As many processes on every machine: what is compiled before a module may change a bit of its bytecode.
_SHARES = 4
_ENOUGH = 100  # modules that are worth more than one process
# No order may depend on chance, and nothing on this user's settings (-I would do the latter, and undo the former).
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": "",
    "PYTHONHOME": "",
    "PYTHONOPTIMIZE": "",
    "PYTHONPYCACHEPREFIX": "",
}


def add(tree: Path, target: Target, tools: Tools) -> None:
    """Compile the tree's modules in place, if there is an interpreter to do it.

    Raises ToolError when the interpreter fails.
    """
    from slsdeploy.bundle.workers import workers  # not needed when nothing changed

    modules = compile_tree.modules(str(tree))
    if target.interpreter is None or not modules:
        return
    shares = _SHARES if len(modules) > _ENOUGH else 1
    argv = [str(target.interpreter), "-P", "-s", "-S", compile_tree.__file__, str(tree)]

    def run(share: int) -> Completed:
        return tools.shell.run([*argv, str(share), str(shares)], env=_ENVIRONMENT)

    with workers(shares) as threads:
        for done in threads.begin(run, range(shares)):
            if done.code != 0:
                message = f"Python {target.python} cannot compile the bundle:\n{done.stderr[-2000:].strip()}"
                raise ToolError(message, f"run this again when that is mended; the bundle is made in {tree}", argv[0])


def identity(target: Target) -> str:
    """Say which interpreter compiles, such that another patch release of it is another."""
    if target.interpreter is None:
        return ""
    found = target.interpreter.stat()
    return f"{target.interpreter} {found.st_size} {found.st_mtime_ns}"


def note(target: Target) -> str:
    """Say in one line what it means that no interpreter was found."""
    if target.interpreter is not None:
        return ""
    return f"no Python {target.python} on this machine: the bundle has no bytecode, and starts slower (`uv python install {target.python}`)"
