"""Run by the bundle's Python, as a script: load a model as the function does, answer samples, say how long that took.

    PYTHONPATH=<dependencies>:<runtime> python -P -s -S measure_model.py JOB ANSWER

JOB is a JSON document: `model` (its file), `session` (as in slsdeploy.json), `samples` (.npz files of its inputs), `answers` (a folder for
an .npz file of each sample's outputs, by their number; or null), `seconds` (for warm runs). ANSWER gets `session_ms`, `first_ms`,
`warm_ms`, `resident_mb`, and `refused` (by the sample's number, why the model refuses it); or `missing`, what it cannot import. Imports
are not measured: they are the same for all. A session is made by one thread, and its time is that thread's on the processor: what other
programs take of a busy machine is not in it. A warm run is the quickest of some.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from slsdeploy_runtime.formats import onnx
from slsdeploy_runtime.threads import threads

if TYPE_CHECKING:
    import numpy as np

Arrays = dict[str, "np.ndarray[Any, Any]"]
_MOST_RUNS, _LEAST_RUNS = 30, 3


def main(job: dict[str, Any], answer: str) -> None:
    """Do the job."""
    import numpy as np

    samples = [_sample(path) for path in job["samples"]]
    began = thread_time()
    session = onnx.load(job["model"], min(threads(), os.cpu_count() or 1), job["session"])
    loaded = thread_time()
    said: dict[str, Any] = {"session_ms": (loaded - began) * 1000, "first_ms": 0.0, "warm_ms": 0.0, "refused": {}}
    for number, sample in enumerate(samples):
        try:
            began = perf_counter()
            outputs = session.run(sample)
        except Exception as error:  # onnxruntime's errors share no parent
            said["refused"][str(number)] = " ".join(str(error).split())[:300]
            continue
        if not said["first_ms"]:
            said["first_ms"] = (perf_counter() - began) * 1000
            said["warm_ms"] = _warm(session, sample, job["seconds"])
            said["resident_mb"] = resident() / 1e6
        if not job["answers"]:
            break
        arrays = (np.asarray(output) for output in outputs.values())
        plain = [array.astype(str) if array.dtype.kind == "O" else array for array in arrays]
        np.savez(Path(job["answers"]) / f"{number}.npz", *plain)
    Path(answer).write_text(json.dumps({"resident_mb": resident() / 1e6, **said}), encoding="utf-8")


def missing() -> str:
    """Import what is needed; return in words what does not work ("" when all does)."""
    try:
        import numpy

        for module, name in ((numpy, "savez"), (onnx.engine(), "InferenceSession")):
            getattr(module, name)
    except (ImportError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _sample(path: str) -> Arrays:
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in arrays.items()}


def _warm(session: onnx.OnnxSession, sample: Arrays, seconds: float) -> float:
    times: list[float] = []
    until = perf_counter() + seconds
    while len(times) < _LEAST_RUNS or (perf_counter() < until and len(times) < _MOST_RUNS):
        began = perf_counter()
        session.run(sample)
        times.append((perf_counter() - began) * 1000)
    return min(times)


def resident() -> int:
    """Return the bytes of memory that this process has now, or had at most where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    wrong = missing()
    if wrong:
        Path(sys.argv[2]).write_text(json.dumps({"missing": wrong}), encoding="utf-8")
    else:
        main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
