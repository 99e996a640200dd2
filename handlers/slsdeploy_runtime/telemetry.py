"""What a function tells of itself: one log line per thing that went wrong, and one line of metrics (EMF) per invocation.

Metrics, by service: ColdStart, ModelLoadTime (ms, per model and load; in an environment that was restored from a snapshot instead
RestoreTime, what renewing took), ModelDownloadTime (ms, for each model that is fetched from S3; it is a part of the time to load),
InferenceTime (ms, per run of the model), BatchSize (rows, per run), Errors (requests or records that got no prediction), BadInputs (those
of them that are the caller's mistake), Fallbacks (requests or records that another model, or a constant, answered) and Duplicates
(records and events that were answered before, and were not again).
There is no Tracer: its X-Ray SDK alone costs more to import than numpy and onnxruntime together. Powertools' Logger is imported
with the first line that is logged (15 ms); an invocation that goes well logs none.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime.metrics import Metrics
from slsdeploy_runtime.request import BadInput
from slsdeploy_runtime.unavailable import Unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger


class Telemetry:
    """The logger and the metrics of this function, and what an execution environment knows of its own start."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger: Logger | None = None
        self._metrics = Metrics(service)
        self._late: list[
            tuple[str, float]
        ] = []  # what happened in whatever thread: the invocation that ends next reports it
        self._init_ms: float | None = None
        self.cold_start_ms: float | None = None
        self.caller_id = ""
        # when the first run began, when the last ended, how long they took together
        self._runs: tuple[float, float, float] | None = None

    @property
    def request_id(self) -> str:
        """Return Lambda's id of this invocation, "" outside of one."""
        return self._metrics.request_id

    @property
    def logger(self) -> Logger:
        """Return the logger, made when first needed."""
        if self._logger is None:
            from aws_lambda_powertools.logging import Logger

            self._logger = Logger(service=self._service)
            self._logger.append_keys(**self._keys())
        return self._logger

    def initialised(self, seconds: float) -> None:
        """Note how long the environment took to start; `cold_start_ms` says so during its first invocation, and is None after it."""
        self._init_ms = seconds * 1000

    def loaded(self, seconds: float) -> None:
        """Note how long a model took to load."""
        self._late.append(("ModelLoadTime", seconds * 1000))

    def restored(self, seconds: float) -> None:
        """Note that this is a copy of an environment that loaded its models long ago, and how long renewing it took."""
        self._late[:] = [("RestoreTime", seconds * 1000)]
        self.initialised(seconds)

    def begin(self, context: Any) -> None:
        """Start an invocation: its request id goes into every log line, also those of the user's own Logger."""
        self.cold_start_ms, self._init_ms = self._init_ms, None
        self._metrics.request_id = getattr(context, "aws_request_id", "")
        self.caller_id = ""
        self._runs = None
        self._renew_keys()
        if self.cold_start_ms is not None:
            self._metrics.add("ColdStart", 1)

    def asked(self, request_id: str) -> None:
        """Note by which id the caller knows this request (Lambda's own, when it gave none): it goes into every log line too."""
        self.caller_id = request_id or self._metrics.request_id
        self._renew_keys()

    def server_timing(self, began: float) -> str:
        """Return the Server-Timing header of an answer that was begun then (`perf_counter`) and is made now (ms).

        `init` is there on a cold start only, `decode`, `inference` and `encode` when a model was run. https://www.w3.org/TR/server-timing/
        """
        now = perf_counter()
        init = "" if self.cold_start_ms is None else f"init;dur={self.cold_start_ms:.1f}, "
        total = f"total;dur={(now - began) * 1e3:.3f}"
        if self._runs is None:
            return init + total
        first, last, seconds = self._runs
        phases = f"decode;dur={(first - began) * 1e3:.3f}, inference;dur={seconds * 1e3:.3f}, encode;dur={(now - last) * 1e3:.3f}"
        return f"{init}{phases}, {total}"

    def _keys(self) -> dict[str, str]:
        return {
            "function_request_id": self._metrics.request_id,
            **({"request_id": self.caller_id} if self.caller_id else {}),
        }

    def _renew_keys(self) -> None:
        if self._logger is not None or "aws_lambda_powertools.logging" in sys.modules:
            self.logger.remove_keys(["request_id"])
            self.logger.append_keys(**self._keys())

    def end(self) -> None:
        """Finish an invocation: write its metrics, if it has any."""
        while self._late:
            self._metrics.add(*self._late.pop(0))
        self._metrics.flush()

    def inference(self, started: float, rows: int) -> None:
        """Note one run of a model that began at `started` (`perf_counter`) over so many rows."""
        ended = perf_counter()
        first, seconds = (started, 0.0) if self._runs is None else (self._runs[0], self._runs[2])
        self._runs = (first, ended, seconds + ended - started)
        self._metrics.add("InferenceTime", (ended - started) * 1000)
        self._metrics.add("BatchSize", rows)

    def note(self, message: str, **facts: Any) -> None:
        """Log something that happens seldom and takes long."""
        self.logger.info(message, stacklevel=3, **facts)

    def warning(self, message: str, **facts: Any) -> None:
        """Log something that went wrong and is mended."""
        self.logger.warning(message, stacklevel=3, **facts)

    def downloaded(self, seconds: float) -> None:
        """Note how long a model took to be fetched, in whatever thread; the invocation that ends next reports it."""
        self._late.append(("ModelDownloadTime", seconds * 1000))

    def failure(self, error: BaseException, where: str) -> None:
        """Note a request or record without a prediction: the caller's mistake in one line, ours with its traceback."""
        self._metrics.add("Errors", 1)
        if isinstance(error, BadInput):
            self._metrics.add("BadInputs", 1)
            self.logger.warning("bad input", where=where, problem=error.message)
        elif isinstance(error, Unavailable):  # a traceback would say nothing
            self.logger.error("failed", where=where, problem=str(error))
        else:
            self.logger.error("failed", where=where, exc_info=error)

    def rows_failed(self, count: int, mistakes: int) -> None:
        """Note rows of a table without a prediction, the caller's mistakes among them; the log has the first ones."""
        self._metrics.add("Errors", count)
        if mistakes:
            self._metrics.add("BadInputs", mistakes)

    def unanswered(self) -> None:
        """Note that a request got no answer, unless a failure in this invocation was noted: who answered it has logged why."""
        if not self._metrics.has("Errors"):
            self._metrics.add("Errors", 1)

    def fallback(self, model: str, reason: str, error: BaseException) -> None:
        """Note why a model does not answer though its fallback will."""
        told = {"problem": str(error)} if isinstance(error, Unavailable) else {"exc_info": error}
        self.logger.warning("fallback", model=model, reason=reason, **told)

    def fell_back(self, count: int) -> None:
        """Note how many requests a fallback answered."""
        self._metrics.add("Fallbacks", count)

    def duplicates(self, count: int) -> None:
        """Note how many records or events were answered before."""
        if count:
            self._metrics.add("Duplicates", count)
