"""A table in S3 -> the prediction of each of its rows, in S3: read, predicted and written in portions, in bounded memory.

Results are the lines of `<output_prefix><key>.jsonl`, each with the `line` that it answers; rows that fail are those of
`<output_prefix><key>.errors.jsonl`. Both are there when all rows are done, the results last, or neither is: what is wrong with the file
itself, or with us, is raised. Time is watched: a function that Lambda would end says before how far it came.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from slsdeploy_runtime import tables
from slsdeploy_runtime.decode import Array
from slsdeploy_runtime.events import s3
from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.rows_output import Output
from slsdeploy_runtime.rows_progress import Progress
from slsdeploy_runtime.s3_reader import MB, Found, ObjectReader
from slsdeploy_runtime.s3_upload import Upload
from slsdeploy_runtime.service import Answer, Outcome, Service
from slsdeploy_runtime.tables import Portion, Table

_, RESULTS, ERRORS = s3.RESULTS
KIND = "application/x-ndjson"
MOST_ROWS = 8192
ANSWER_BYTES = 4 * MB  # of the rows that are predicted together, about
SECONDS = 1.0  # that they take, about

Answered = tuple[dict[int, Any], dict[int, Exception]]  # rows by their index: what they get, why they get nothing


class RowsFailed(Exception):
    """Not one row of a table could be answered, and not for what is in it."""


class Job(NamedTuple):
    """A table to predict: the object, its format, the model's name ("": the first), where output goes, how much time there is (ms)."""

    found: Found
    format: str
    model: str
    bucket: str
    prefix: str
    time_left: Callable[[], int] | None


class Done(NamedTuple):
    """What became of a table: where its results and its errors are ("": there are none), how many rows there were, how many failed."""

    results: str
    errors: str
    rows: int
    failed: int

    @property
    def answer(self) -> dict[str, Any]:
        return {"results": self.results, "errors": self.errors or None, "rows": self.rows, "failed": self.failed}


def predict(job: Job, service: Service) -> Done:
    """Predict a table. Raises BadInput for a file that is broken or not of its format, and whatever else keeps it from being done."""
    found = job.found
    reader = ObjectReader(found, MB, held=8) if job.format in tables.SEEKING else ObjectReader(found)
    results, errors = (
        Upload(found.client, job.bucket, f"{job.prefix}{found.key}{each}", KIND) for each in (RESULTS, ERRORS)
    )
    output = Output(results, errors, service.telemetry)
    progress = Progress(reader, service.telemetry, job.time_left)
    try:
        notes = Work(job, service, output, progress).run(_unpacked(job, reader))
        if not output.good and output.internal is not None:
            first = output.internal
            said = f"not one of {output.failed:,} rows could be answered; the first: {type(first).__name__}: {first}"
            raise RowsFailed(said) from first
        output.close()
    except BaseException:
        results.abort()
        errors.abort()
        raise
    progress.tell("a table is predicted", output.good, output.failed, **notes)
    return Done(results.uri, errors.uri if output.failed else "", output.good + output.failed, output.failed)


def _unpacked(job: Job, reader: ObjectReader) -> BinaryIO:
    """Return the stream of a table. Raises BadInput for a compressed one that is not read from its beginning to its end."""
    stream = io.BufferedReader(reader, 64 * 1024)
    if not tables.is_gzip(job.found.key, job.found.coding):
        return stream
    if job.format in tables.SEEKING:
        raise BadInput(f"file: found a {job.format} in gzip, expected it as it is: it is read from several places")
    import gzip  # only for who compresses

    return cast("BinaryIO", gzip.GzipFile(fileobj=stream))


class Work:
    """The rows of one table on their way."""

    def __init__(self, job: Job, service: Service, output: Output, progress: Progress) -> None:
        self._job = job
        self._service = service
        self._model = service.models[job.model] if job.model else next(iter(service.models.values()))
        self._output = output
        self._progress = progress
        self._most = 1  # how long a row takes is not known yet
        self._is_raw = service.handler.preprocess is not None
        self._table: Table

    def run(self, stream: BinaryIO) -> Mapping[str, Any]:
        """Predict the rows of a stream, so many at a time that what is held of them stays small; return what is to note of it."""
        for portion in self._portions(stream):
            wrong = sorted(portion.wrong)
            at = told = 0
            while at < len(portion.lines):
                part = range(at, min(at + self._most, len(portion.lines)))
                before = bisect_left(wrong, portion.lines[part[-1]])
                self._predict(portion, part, {line: portion.wrong[line] for line in wrong[told:before]})
                at, told = part.stop, before
            self._output.failures({line: portion.wrong[line] for line in wrong[told:]}, self._job.found.uri)
            self._progress.step(self._output.good, self._output.failed)
        return self._table.notes

    def _portions(self, stream: BinaryIO) -> Iterator[Portion]:
        """Read the table. Raises BadInput for a broken file."""
        try:
            self._table = tables.open_table(self._job.format, stream, None if self._is_raw else self._model)
            yield from self._table.portions()
        except Exception as error:
            raise tables.broken(error) or error from error

    def _predict(self, portion: Portion, part: range, wrong: Mapping[int, Exception]) -> None:
        """Answer some rows of a portion and write what comes of them, in the order of their lines."""
        began = perf_counter()
        answers, failed = self._answer_raw(portion, part) if self._is_raw else self._answer(portion, part)
        lines = []
        for index in part:
            if index in answers:
                value = answers[index]
                said = value if isinstance(value, dict) else {"result": value}
                lines.append(to_json({"line": portion.lines[index], **said}))
        self._output.answers(lines)
        failures: dict[int, Exception] = {portion.lines[index]: error for index, error in failed.items()} | dict(wrong)
        self._output.failures({line: failures[line] for line in sorted(failures)}, self._job.found.uri)
        self._pace(len(part), sum(map(len, lines)), perf_counter() - began)
        self._progress.step(self._output.good, self._output.failed)

    def _pace(self, rows: int, answered: int, seconds: float) -> None:
        """Choose how many rows are next, by the size of these answers and by their time."""
        by_size = ANSWER_BYTES * rows // max(answered, 1)
        by_time = int(SECONDS * rows / max(seconds, 1e-6))
        most = max(1, min(rows * 4, by_size, by_time, MOST_ROWS))
        whole = self._model.max_batch or 1
        if self._model.timed is not None:  # its time was given for a request
            most = min(most, whole)
        self._most = most - most % whole if most > whole else most

    def _answer_raw(self, portion: Portion, part: range) -> Answered:
        """Let the preprocess have each row."""
        found = self._job.found
        meta = {"bucket": found.bucket, "key": found.key, "etag": found.etag, "metadata": found.metadata}
        requests: dict[int, Request] = {}
        failed: dict[int, Exception] = {}
        for index in part:
            try:
                value = self._table.value(portion.rows[index])
            except BadInput as error:
                failed[index] = error
            else:
                about = {**meta, "line": portion.lines[index]}
                requests[index] = Request(value, source="s3", meta=about, model=self._job.model)
        return _sorted_out(requests, self._service.answer_all(list(requests.values())), failed)

    def _answer(self, portion: Portion, part: range) -> Answered:
        """Answer rows as a stack, or where that fails one by one; whole requests are answered beside."""
        asks = set(portion.asks).intersection(part)
        requests = {i: Request(portion.rows[i], source="s3", model=self._job.model) for i in part if i in asks}
        answered = _sorted_out(requests, self._service.answer_all(list(requests.values())), {})
        plain = [index for index in part if index not in asks] if asks else part
        rows = [portion.rows[index] for index in plain] if asks else portion.rows[part.start : part.stop]
        if not len(plain):
            return answered
        failed: dict[int, Exception] = {}
        pieces = list(self._arrays(rows, plain, failed))
        good = [index for piece, _ in pieces for index in piece]
        answers: dict[int, Any] = {}
        if good:
            inputs = _joined([arrays for _, arrays in pieces])
            answers, more = self._answer_stack(good, inputs)
            failed |= more
        return answered[0] | answers, answered[1] | failed

    def _arrays(
        self, rows: Any, indices: Sequence[int], failed: dict[int, Exception]
    ) -> Iterator[tuple[Sequence[int], Mapping[str, Array]]]:
        """Decode rows together; where that fails in halves, so that only those that are wrong are left out."""
        try:
            arrays = self._table.arrays(rows)
        except BadInput as error:
            if len(indices) == 1:
                failed[indices[0]] = error
                return
            half = len(indices) // 2
            yield from self._arrays(rows[:half], indices[:half], failed)
            yield from self._arrays(rows[half:], indices[half:], failed)
        else:
            yield indices, arrays

    def _answer_stack(self, indices: Sequence[int], inputs: Mapping[str, Array]) -> Answered:
        found = self._service.answer_rows(self._model, inputs)
        if found is not None:
            return {index: {"predictions": [each]} for index, each in zip(indices, found, strict=True)}, {}
        outcomes = self._service.answer_asks(self._service.ask_rows(self._model, inputs))
        return _sorted_out(indices, outcomes, {})


def _sorted_out(indices: Iterable[int], outcomes: Sequence[Outcome], failed: dict[int, Exception]) -> Answered:
    """Divide outcomes into what was answered and what failed."""
    answers: dict[int, Any] = {}
    for index, outcome in zip(indices, outcomes, strict=True):
        if isinstance(outcome, Answer):
            answers[index] = outcome.value
        else:
            failed[index] = outcome.error
    return answers, failed


def _joined(pieces: Sequence[Mapping[str, Array]]) -> Mapping[str, Array]:
    if len(pieces) == 1:
        return pieces[0]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
