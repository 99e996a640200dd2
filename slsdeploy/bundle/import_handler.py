"""Run by the target's own interpreter, as a script: import the user's module as Lambda would, and say what came of it.

    PYTHONPATH=<bundle> python -P -s -S import_handler.py MODULE ANSWER SECONDS

ANSWER is a file that gets a JSON document: `names` (the module's functions), or `error` with `type`, `message`, `module` (the missing
one, if that is the trouble) and `frames` (file, line, function, text of the source), or `skipped` (a module that only Lambda brings, or
that wanted to call AWS, which there are no credentials for here). SECONDS is how long Lambda lets it take; what this process waits for a
processor of a busy machine does not count.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from types import FrameType

# What the managed runtime has beside the standard library: a bundle need not hold it, and this machine need not have it.
MANAGED = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "six",
    "urllib3",
    "awslambdaric",
    "snapshot_restore_py",
)
# Lambda gives 10 s before it begins again: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
LIMIT_SECONDS = 10
# and more for a snapshot: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
SNAPSHOT_SECONDS = 130
_WAITED = 0.1  # seconds of waiting for a processor that are worth another look


def answer(module: str) -> dict[str, object]:
    """Import the module and describe what happened."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        return {"skipped": missing} if missing in MANAGED else {"error": describe(error, missing)}
    except BaseException as error:  # sys.exit() too: on Lambda it ends the environment
        home = type(error).__module__
        if home.partition(".")[0] == "botocore":
            return {"skipped": "botocore"}
        if home == "slsdeploy_runtime.model":  # get_model() at the module's top level: there is none here
            return {"skipped": "slsdeploy_runtime"}
        return {"error": describe(error, "")}
    return {"names": [name for name in vars(found) if callable(getattr(found, name))]}


def describe(error: BaseException, missing: str) -> dict[str, object]:
    """Return an exception as JSON holds it, its frames from the outermost to where it was raised."""
    frames = [
        {"file": frame.filename, "line": frame.lineno or 0, "function": frame.name, "text": frame.line or ""}
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError):
        text = (error.text or "").strip()
        frames.append({"file": error.filename or "", "line": error.lineno or 0, "function": "<module>", "text": text})
    return {"type": type(error).__name__, "message": words(error), "module": missing, "frames": frames}


def words(error: BaseException) -> str:
    """Return what an exception says, which may itself fail."""
    try:
        return str(error)
    except Exception:
        return "(its __str__ fails)"


def waited() -> float:
    """Return how many seconds this process was ready to run and did not; 0.0 where the system does not say."""
    try:
        with open("/proc/self/schedstat", encoding="ascii") as stream:  # noqa: PTH123
            return int(stream.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def main(module: str, path: str, seconds: int) -> None:
    """Import with a time limit, write the answer, and end at once: threads that the module started may never end."""
    forgiven = 0.0

    def give_up(signum: int, frame: FrameType | None) -> None:
        """End an import that takes too long, where it is."""
        nonlocal forgiven
        more, forgiven = waited() - forgiven, waited()
        if more > _WAITED:
            signal.setitimer(signal.ITIMER_REAL, more)
            return
        raise TimeoutError(f"importing takes longer than the {seconds} s that Lambda gives it")

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(seconds)
    found = answer(module)
    if hasattr(signal, "SIGALRM"):
        signal.alarm(0)
    with open(path, "w", encoding="utf-8") as stream:  # noqa: PTH123
        json.dump(found, stream)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
