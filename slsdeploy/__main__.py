"""The process around the command line: every error and every interruption ends here, as a few lines and an exit code.

Exit codes are those of `errors`; 130 after Ctrl-C, 143 after SIGTERM. Nothing else is imported before these signals are ours.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from slsdeploy.errors import SlsdeployError

# What imports make stays; to look through it at every 700 allocations, as is the default, is a tenth of what a short command takes.
_ALLOCATIONS = 200_000
# Ctrl-C, and what ends a cancelled CI job.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 0.5  # seconds in which an interrupted command may end without a word


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line to its end."""
    is_alone = argv is None  # else the process is somebody else's
    words = sys.argv[1:] if argv is None else argv
    if is_alone:
        gc.set_threshold(_ALLOCATIONS)
    received: list[int] = []

    def interrupt(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        if _is_importing(frame):
            _leave(signum, words)
        _tell_of_ending(received)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        code = _run(words)
    except BaseException as error:
        # Libraries make errors of their own from KeyboardInterrupt, C extensions an ImportError: the signal is what counts.
        if received:
            _leave(received[0], words)
        code = end(error, words)
    for number, handler in before.items():
        signal.signal(number, handler)
    if is_alone:
        gc.freeze()  # nor at the end: it all goes with the process
    sys.exit(code)


def _run(words: list[str]) -> int:
    from slsdeploy import cli

    code = cli.app(words, prog_name="slsdeploy", standalone_mode=False)
    if code == 128 + signal.SIGINT:  # Typer has caught it
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _tell_of_ending(received: list[int]) -> None:
    """Say that it goes on for a moment, should it: what was begun is ended and put away, which a second Ctrl-C does not wait for."""
    if len(received) > 1:
        return
    from threading import Timer

    said = Timer(_PATIENCE, lambda: os.write(2, b"\nending; Ctrl-C again ends at once\n"))
    said.daemon = True
    said.start()


def _is_importing(frame: FrameType | None) -> bool:
    """Say whether a module is being imported: an exception on its way through a C extension's start can crash the process."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _leave(signum: int, words: list[str]) -> NoReturn:
    """Say so and end at once: no thread that still uploads is waited for, and another Ctrl-C changes nothing."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    message, hint = "interrupted", "the same command goes on from here"
    try:
        if is_json(words):
            print(f'{{"error": {{"type": "Interrupted", "message": "{message}", "hint": "{hint}", "where": ""}}}}')  # noqa: T201
        show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a spinner may have hidden it
        sys.stderr.write(f"{show_cursor}\n{message}; {hint}\n")
        sys.stdout.flush()
    except (OSError, ValueError, RuntimeError):
        pass
    os._exit(128 + signum)


def end(error: BaseException, words: list[str]) -> int:
    """Draw an error and return its exit code; what nobody but us can mend comes with its traceback."""
    from slsdeploy.cli import UsageError
    from slsdeploy.errors import SlsdeployError
    from slsdeploy.ui import Ui

    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    ui = Ui(as_json=is_json(words))
    if isinstance(error, UsageError):
        ui.usage(error)
        return 2
    known = error if isinstance(error, SlsdeployError) else _of_the_machine(error)
    if known is None:
        ui.bug(error)
        return 1
    ui.error(known)
    return known.exit_code


def is_json(words: list[str]) -> bool:
    """Say whether the command line asks for JSON: SARIF is JSON too."""
    from itertools import pairwise

    formats = {word.partition("=")[2] for word in words if word.startswith("--format=")}
    formats |= {after for word, after in pairwise(words) if word == "--format"}
    return "--json" in words or bool(formats & {"json", "sarif"})


def _of_the_machine(error: BaseException) -> SlsdeployError | None:
    """Return what is wrong with a file or folder that nobody looked at before it was used."""
    from slsdeploy.errors import ToolError

    if not isinstance(error, OSError) or error.filename is None:
        return None
    hint = "look at the path, its permissions, and the room on its disk"
    return ToolError(f"cannot use {error.filename}: {error.strerror}", hint, str(error.filename))


if __name__ == "__main__":
    main()
