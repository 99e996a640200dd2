"""The first lines that the function's Python runs: notes the time, then goes on with the bootstrap of the managed runtime.

Standard library only, and less than a millisecond.
"""

# ruff: noqa: PTH123
from __future__ import annotations

import os
import sys
from time import perf_counter

with open(os.environ.pop("SLSDEPLOY_TRIAL_TIMES"), "a") as _times:
    _times.write(f"{perf_counter()!r}\n")
# As if Python had been started with the bootstrap, which asks where its own folder is.
_file = sys.argv[0] = os.path.join(os.environ["LAMBDA_RUNTIME_DIR"], "bootstrap.py")  # noqa: PTH118
sys.path.insert(0, os.environ["LAMBDA_RUNTIME_DIR"])
with open(_file) as _source:
    exec(compile(_source.read(), _file, "exec"), {"__name__": "__main__", "__file__": _file})  # noqa: S102
