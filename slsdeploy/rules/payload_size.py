"""A request, or an answer, has more bytes than Lambda takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes
from slsdeploy.types import Handler, Model, ModelInfo, Tensor

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
SYNC = 6 * 1024**2
ASYNC = 1024**2  # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
# by datatype: bytes of a number; characters of it as JSON, with the comma, as they usually are
_SIZES = {
    **{
        "BOOL": (1, 6),
        "UINT8": (1, 4),
        "INT8": (1, 4),
        "UINT16": (2, 6),
        "INT16": (2, 6),
        "UINT32": (4, 7),
        "INT32": (4, 7),
    },
    **{"UINT64": (8, 7), "INT64": (8, 7), "FP16": (2, 8), "BF16": (2, 8), "FP32": (4, 11), "FP64": (8, 19)},
}
_BASE64 = 4 / 3  # how a Function URL and an API hand on what is no text


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a row of tensors takes: in bytes as it is, and as JSON. Of what may have any size, nothing is known: it counts as nothing."""

    bytes: int
    json: int


class PayloadSize(Rule):
    """A row of a model's inputs, or of its outputs, has more bytes than Lambda takes in one request.

    6 MB for a request that is answered, 1 MB for an event; of `max_batch` rows it is only a note. Shapes that leave a size open, inputs
    that a `preprocess` makes and outputs that a `postprocess` shrinks are not looked at; answers only with large_answers = "refuse".

    Why: Lambda refuses the request with a 413 before the function sees it.

    Mend: let the objects come from S3 (a trigger of type s3), send less and scale it in a `preprocess`, or send binary tensors, which
    take a third of JSON.

    Example:
        model = "segments.onnx"  # takes float32 of [1, 3, 1024, 1024]: 12 MB

        [[trigger]]
        type = "http"
    """

    id = "payload-size"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        if handler is not None and handler.app:
            return
        for model in subject.project.models:
            info = subject.models.get(model.name)
            if isinstance(info, ModelInfo):
                if not _has(handler, "preprocess"):
                    yield from self._requests(subject, model, info)
                if subject.project.config.large_answers == "refuse" and not _has(handler, "postprocess"):
                    yield from self._answers(subject, model, info)

    def _requests(self, subject: Subject, model: Model, info: ModelInfo) -> Iterator[Finding]:
        row = _rows(info.inputs, info)
        for index, trigger in enumerate(subject.project.config.trigger):
            if trigger.type not in ("http", "sqs", "sns", "eventbridge"):
                continue
            is_http = trigger.type == "http"
            limit = SYNC if is_http else ASYNC
            least = math.ceil(min(row.bytes * _BASE64, row.json)) if is_http else row.json
            place, rows = ("trigger", index), model.max_batch or 1
            if least > limit:
                message = f"a row of model {model.name} takes {megabytes(least)}; a request over {trigger.type} may have {megabytes(limit)}"
                hint = 'let objects come from S3 (type = "s3"), or send less and scale it in a preprocess'
                yield self.setting(subject, place, message, hint)
            elif is_http and row.json > limit:
                message = f"a row of model {model.name} takes about {megabytes(row.json)} as JSON; a request may have {megabytes(limit)}"
                yield self.setting(subject, place, message, "send binary tensors (docs/http.md)", "note")
            elif is_http and row.json * rows > limit:
                message = f"max_batch rows of model {model.name} take about {megabytes(row.json * rows)} as JSON; a request may have "
                hint = f"a request holds some {limit // row.json} rows; callers with more of them send several"
                yield self.setting(subject, place, message + megabytes(limit), hint, "note")

    def _answers(self, subject: Subject, model: Model, info: ModelInfo) -> Iterator[Finding]:
        row = _rows(info.outputs, info)
        least = math.ceil(min(row.bytes * _BASE64, row.json))
        if least > SYNC:
            message = (
                f"the answer to a row of model {model.name} takes {megabytes(least)}; Lambda takes {megabytes(SYNC)}"
            )
            hint = 'leave out large_answers = "refuse", or write a postprocess that answers less'
            yield self.setting(subject, ("large_answers",), message, hint)


def _has(handler: Handler | None, function: str) -> bool:
    return handler is not None and (function in handler.functions or not handler.functions)


def _rows(tensors: Sequence[Tensor], info: ModelInfo) -> _Rows:
    shapes = [(tensor.datatype, tensor.shape[1:] if info.batch != 0 else tensor.shape) for tensor in tensors]
    known = [(datatype, math.prod(shape)) for datatype, shape in shapes if datatype in _SIZES and -1 not in shape]
    return _Rows(
        sum(_SIZES[datatype][0] * count for datatype, count in known),
        sum(_SIZES[datatype][1] * count for datatype, count in known),
    )
