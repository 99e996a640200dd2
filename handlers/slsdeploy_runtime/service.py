"""The inference service: requests in, answers out, whatever event they came in.

Decode or preprocess each request, stack what may be stacked, predict, split, postprocess or encode each answer.
Each request gets its own rows, and fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from slsdeploy_runtime import batching, forms
from slsdeploy_runtime.decode import DTYPES, Array, check_shape, describe, name_inputs, one_of, signature_text
from slsdeploy_runtime.encode import plain
from slsdeploy_runtime.forms import Ask
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, Request, mismatch
from slsdeploy_runtime.telemetry import Telemetry
from slsdeploy_runtime.user import Handler, HandlerError


class Answer(NamedTuple):
    """What a request gets: plain JSON values."""

    value: Any


class Failure(NamedTuple):
    """Why a request gets nothing: BadInput is the caller's mistake, anything else ours."""

    error: Exception


Outcome = Answer | Failure


class Service:
    """The models of this function with the user's functions around them. `client` gives AWS clients by service name."""

    def __init__(
        self,
        models: Mapping[str, Model],
        handler: Handler,
        telemetry: Telemetry,
        client: Callable[[str], Any],
        name: str = "",
    ) -> None:
        self.name = name
        self.models = models
        self.handler = handler
        self.telemetry = telemetry
        self.client = client

    def answer(self, request: Request) -> Any:
        """Answer one request with plain JSON values. Raises BadInput, or whatever the user's functions raise."""
        outcome = self.answer_all([request])[0]
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome.value

    def answer_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Answer many requests in as few runs of the model as it allows; each outcome is its request's own."""
        understood = [_attempt(self._understand, request) for request in requests]
        outcomes: dict[int, Outcome] = {i: each for i, each in enumerate(understood) if isinstance(each, Failure)}
        for model in self.models.values():
            asks = {i: each for i, each in enumerate(understood) if isinstance(each, Ask) and each.model is model}
            results = batching.run_all(model, [ask.inputs for ask in asks.values()], self.predict)
            for (index, ask), result in zip(asks.items(), results, strict=True):
                outcomes[index] = Failure(result) if isinstance(result, Exception) else _reply(ask, result)
        return [outcomes[index] for index in range(len(requests))]

    def infer(self, ask: Ask) -> Any:
        """Answer an ask that is understood already (the Open Inference Protocol's): no pre- and postprocess."""
        return ask.reply(batching.run_one(ask.model, ask.inputs, self.predict))

    def predict(self, model: Model, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the user's `predict`, or the model; measured."""
        started = perf_counter()
        if self.handler.predict is None:
            outputs: Mapping[str, Array] = model.run(inputs)
        else:
            outputs = _as_arrays(self.handler.predict(model, inputs))
        rows = len(next(iter(inputs.values()))) if model.batch else 1
        self.telemetry.inference(started, rows)
        return outputs

    def _understand(self, request: Request) -> Ask:
        model = self._asked_model(request)
        if self.handler.preprocess is not None:
            inputs = _check(self.handler.preprocess(request), model)
            return Ask(model, inputs, self._postprocessed or forms.plain_outputs)
        if isinstance(request.data, bytes):
            raise mismatch("body", f"{len(request.data)} bytes of {request.content_type}", f"JSON: {forms.EXPECTED}")
        ask = forms.read(request.data, model)
        return Ask(model, ask.inputs, self._postprocessed) if self._postprocessed else ask

    @property
    def _postprocessed(self) -> Callable[[Mapping[str, Array]], Any] | None:
        postprocess = self.handler.postprocess
        return None if postprocess is None else lambda outputs: plain(postprocess(outputs), "postprocess's answer")

    def _asked_model(self, request: Request) -> Model:
        """Return the model that the request names with "model", or the first: a project with one need not name it."""
        first = next(iter(self.models.values()))
        if len(self.models) == 1 or not isinstance(request.data, Mapping) or "model" not in request.data:
            return first
        name = request.data["model"]
        if not isinstance(name, str) or name not in self.models:
            raise mismatch("model", describe(name), one_of(list(self.models)))
        return self.models[name]


def _attempt(understand: Callable[[Request], Ask], request: Request) -> Ask | Failure:
    try:
        return understand(request)
    except Exception as error:
        return Failure(error)


def _reply(ask: Ask, outputs: Mapping[str, Array]) -> Outcome:
    try:
        return Answer(ask.reply(outputs))
    except Exception as error:
        return Failure(error)


def _as_arrays(outputs: Any) -> dict[str, Array]:
    if not isinstance(outputs, Mapping) or not outputs:
        raise HandlerError(f"predict returned {describe(outputs)}: it must return a dict of arrays by output name")
    return {name: np.asarray(array) for name, array in outputs.items()}


def _check(inputs: Any, model: Model) -> dict[str, Array]:
    """Bring what preprocess returned to the model's datatypes.

    A wrong name or type is the handler's bug; a wrong shape is nearly always the caller's data (an image of another size).
    """
    if not isinstance(inputs, Mapping):
        raise HandlerError(f"preprocess returned {describe(inputs)}: it must return a dict of arrays by input name")
    try:
        name_inputs(inputs, model.inputs, "preprocess")
    except BadInput as error:
        raise HandlerError(error.message) from None
    arrays = {}
    for tensor in model.inputs:
        array, dtype = np.asarray(inputs[tensor.name]), DTYPES[tensor.datatype]
        if dtype.kind != "O" and not np.can_cast(array.dtype, dtype, "same_kind"):
            found = f"{array.dtype} for {tensor.name}"
            raise HandlerError(f"preprocess returned {found}: the model takes {signature_text(tensor)}")
        arrays[tensor.name] = array.astype(dtype, copy=False)
        check_shape(arrays[tensor.name], tensor, f"inputs.{tensor.name}", skip=1 if model.batch > 0 else 0)
    return arrays
