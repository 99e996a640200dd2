"""Rows that are answered, or fail -> the lines of two objects: results, and errors beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.request import BadInput
from slsdeploy_runtime.s3_upload import Upload
from slsdeploy_runtime.telemetry import Telemetry
from slsdeploy_runtime.unavailable import Unavailable

LOGGED = 10  # rows that fail, of each table


class Output:
    """The two objects that rows end in, and their counts."""

    def __init__(self, results: Upload, errors: Upload, telemetry: Telemetry) -> None:
        self.results = results
        self.errors = errors
        self.good = 0
        self.failed = 0
        self.internal: Exception | None = None
        self._telemetry = telemetry

    def answers(self, lines: Sequence[bytes]) -> None:
        """Write the lines of rows that were answered."""
        self.good += len(lines)
        if lines:
            self.results.write(b"\n".join(lines) + b"\n")

    def failures(self, failures: Mapping[int, Exception], where: str) -> None:
        """Write rows that failed, by their line; the first ones are logged. Raises Unavailable: that is no row's fault."""
        mistakes = 0
        for line, error in failures.items():
            if isinstance(error, Unavailable | MemoryError):
                raise error
            is_mistake = isinstance(error, BadInput)
            if not is_mistake:
                self.internal = self.internal or error
            if self.failed < LOGGED:
                self._telemetry.failure(error, f"{where} line {line}")
            else:
                mistakes += is_mistake
            said = error.message if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
            details = error.details if isinstance(error, BadInput) else {}
            self.errors.write(to_json({"line": line, "error": said, **details}) + b"\n")
            self.failed += 1
        counted = self.failed - max(LOGGED, self.failed - len(failures))
        if counted > 0:
            self._telemetry.rows_failed(counted, mistakes)

    def close(self) -> None:
        """Make the objects, the results last; errors of an earlier run do not stay."""
        if self.failed:
            self.errors.close()
        else:
            self.errors.remove()
        self.results.close()
