"""The inference service: requests in, answers out, whatever event they came in.

Decode or preprocess each request, stack what may be stacked, predict, split, postprocess or encode each answer.
Each request gets its own rows, and fails alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from slsdeploy_runtime import answer_size, batching, forms
from slsdeploy_runtime.decode import DTYPES, Array, check_shape, describe, name_inputs, one_of, signature_text
from slsdeploy_runtime.encode import plain
from slsdeploy_runtime.forms import Ask
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, Request, mismatch
from slsdeploy_runtime.telemetry import Telemetry
from slsdeploy_runtime.unavailable import Unavailable
from slsdeploy_runtime.user import Handler, HandlerError

if TYPE_CHECKING:
    from slsdeploy_runtime.batching import Arrays
    from slsdeploy_runtime.fallback import Fallbacks, Instead, Result
    from slsdeploy_runtime.manifest import Output
    from slsdeploy_runtime.once import Once


class Answer(NamedTuple):
    """What a request gets: plain JSON values, and the model's arrays if nothing else made them."""

    value: Any
    outputs: Arrays | None = None

    def fits(self, most: int = answer_size.ANSWER_BYTES) -> bool:
        """Say whether it surely has at most so many bytes as JSON (Lambda's 6 MB); if not, measure it (`large.py`)."""
        return answer_size.fits(self.value, self.outputs, most)


class AnswerTooLarge(Exception):
    """An answer is more than its way back takes. Its name is what a state machine's `Catch` goes by."""


class Failure(NamedTuple):
    """Why a request gets nothing: BadInput is the caller's mistake, anything else ours."""

    error: Exception


Outcome = Answer | Failure


class Service:
    """The models of this function with the user's functions around them.

    `client` gives AWS clients by service name; `output` is the project's, if it has one.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        handler: Handler,
        telemetry: Telemetry,
        client: Callable[[str], Any],
        name: str = "",
    ) -> None:
        self.name = name
        self.output: Output | None = None
        self.models = models
        self.handler = handler
        self.telemetry = telemetry
        self.client = client
        self.once = _once(client, telemetry)
        self._fallbacks = _fallbacks(models, self.predict, telemetry)

    def ready(self) -> dict[str, Any]:
        """Say which models there are, once all that are to be loaded at start are. Raises Unavailable."""
        for model in self.models.values():
            if model.entry.load == "eager" and model.entry.fallback is None:
                model.load()
        return {"ready": True, "models": list(self.models)}

    def answer(self, request: Request) -> Any:
        """Answer one request with plain JSON values. Raises BadInput, or whatever the user's functions raise."""
        return self.outcome(request).value

    def outcome(self, request: Request) -> Answer:
        """Answer one request, as `answer` does, for who must know how much its answer is."""
        outcome = self.answer_all([request])[0]
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def answer_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Answer many requests in as few runs of the model as it allows; each outcome is its request's own."""
        return self.answer_asks([_attempt(self._understand, request) for request in requests])

    def answer_asks(self, understood: Sequence[Ask | Failure]) -> list[Outcome]:
        """Answer what is understood already, as `answer_all` does."""
        outcomes: dict[int, Outcome] = {i: each for i, each in enumerate(understood) if isinstance(each, Failure)}
        for model in self.models.values():
            asks = {i: each for i, each in enumerate(understood) if isinstance(each, Ask) and each.model is model}
            results = self._run_all(model, [ask.inputs for ask in asks.values()])
            for (index, ask), result in zip(asks.items(), results, strict=True):
                outcomes[index] = Failure(result) if isinstance(result, Exception) else self._reply(ask, result)
        return [outcomes[index] for index in range(len(understood))]

    def answer_rows(self, model: Model, inputs: Mapping[str, Array]) -> list[Any] | None:
        """Return the prediction of each row of a stack, as `{"instances": [row]}` gets it; None when each must be asked for by itself.

        That is so when something else may answer, or the answer is the user's to make, and when the stack fails. Raises Unavailable.
        """
        if self._fallbacks is not None or self.handler.postprocess is not None or model.timed is not None:
            return None
        try:
            found = forms.predictions(batching.run_one(model, inputs, self.predict))["predictions"]
        except Unavailable:
            raise
        except Exception:
            return None
        return found if len(found) == len(next(iter(inputs.values()))) else None

    def ask_rows(self, model: Model, inputs: Mapping[str, Array]) -> list[Ask]:
        """Return each row of a stack as an ask of its own."""
        reply = self._postprocessed or forms.predictions
        rows = len(next(iter(inputs.values())))
        return [
            Ask(model, {name: array[row : row + 1] for name, array in inputs.items()}, reply) for row in range(rows)
        ]

    def infer(self, ask: Ask) -> Any:
        """Answer an ask that is understood already (the Open Inference Protocol's): no pre- and postprocess."""
        (result,) = self._run_all(ask.model, [ask.inputs])
        if isinstance(result, Exception):
            raise result
        return _answer(ask, result)

    def predict(self, model: Model, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the user's `predict`, or the model; measured. Raises TooSlow when it takes longer than it may."""
        started = perf_counter()
        if model.timed is not None:
            outputs: Mapping[str, Array] = model.timed.call(lambda: self._predict(model, inputs))
        else:
            outputs = self._predict(model, inputs)
        rows = len(next(iter(inputs.values()))) if model.batch else 1
        self.telemetry.inference(started, rows)
        return outputs

    def _predict(self, model: Model, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        if self.handler.predict is None:
            return model.run(inputs)
        return _as_arrays(self.handler.predict(model, inputs))

    def _run_all(self, model: Model, asks: Sequence[Mapping[str, Array]]) -> Sequence[Result]:
        results = batching.run_all(model, asks, self.predict)
        return results if self._fallbacks is None else self._fallbacks.answer(model, asks, results)

    def _reply(self, ask: Ask, result: Arrays | Instead) -> Outcome:
        try:
            is_made = isinstance(result, tuple) or self.handler.postprocess is not None
            return Answer(_answer(ask, result), None if is_made else cast("Arrays", result))
        except Exception as error:
            return Failure(error)

    def _understand(self, request: Request) -> Ask:
        model = self._asked_model(request)
        if self.handler.preprocess is not None:
            inputs = _check(self.handler.preprocess(request._replace(model=model.name)), model)
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
        """Return the model that the path or the trigger names, or else the request with "model", or the first.

        A project with one model need not name it. Raises BadInput for a model that there is not.
        """
        first = next(iter(self.models.values()))
        if len(self.models) == 1:
            return first
        name = request.model
        if isinstance(request.data, Mapping) and "model" in request.data:
            name = request.data["model"]
            known = [request.model] if request.model else list(self.models)
            if not isinstance(name, str) or name not in known:
                raise mismatch("model", describe(name), one_of(known))
        return self.models[name] if name else first


def _fallbacks(models: Mapping[str, Model], predict: batching.Predict, telemetry: Telemetry) -> Fallbacks | None:
    if all(model.entry.fallback is None for model in models.values()):
        return None
    from slsdeploy_runtime.fallback import Fallbacks  # only for who has any

    return Fallbacks(models, predict, telemetry)


def _once(client: Callable[[str], Any], telemetry: Telemetry) -> Once | None:
    if "SLSDEPLOY_IDEMPOTENCY_TABLE" not in os.environ:
        return None
    from slsdeploy_runtime.once import from_environment  # only for who is to answer once

    return from_environment(client, telemetry)


def _attempt(understand: Callable[[Request], Ask], request: Request) -> Ask | Failure:
    try:
        return understand(request)
    except Exception as error:
        return Failure(error)


def _answer(ask: Ask, result: Arrays | Instead) -> Any:
    if isinstance(result, tuple):
        return ask.say(ask.reply(result.outputs), result.by)
    return ask.reply(result)


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
