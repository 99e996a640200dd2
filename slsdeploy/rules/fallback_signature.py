"""A model's fallback cannot answer what the model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slsdeploy.config.spelling import did_you_mean
from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy.types import Model, ModelInfo, Tensor


class FallbackSignature(Rule):
    """A model's fallback cannot answer what the model is asked.

    Another model must take the same inputs; a constant must have a value for each output, for one row.

    Why: a fallback that fails is found out when it is needed: with the model failing too, the caller gets an error.

    Mend: name a model that takes the same inputs, or write a constant with the model's outputs; `slsdeploy inspect MODEL` lists both.

    Example:
        [models.iris]
        path = "iris.onnx"
        fallback = { outputs = { lable = "setosa" } }
    """

    id = "fallback-signature"
    link = "https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for model in subject.project.models:
            info = subject.models.get(model.name)
            if model.fallback is None or not isinstance(info, ModelInfo):
                continue
            if isinstance(model.fallback, str):
                other = subject.models.get(model.fallback)
                found = _inputs(model, info, other) if isinstance(other, ModelInfo) else ()
            else:
                found = _outputs(info, model.fallback)
            for key, message, hint in found:
                place = ("models", model.name, "fallback", *key)
                yield self.setting(subject, place, f"the fallback of model {model.name}: {message}", hint)


Problem = tuple[tuple[str, ...], str, str]  # the key below `fallback`, what is wrong, what to do


def _inputs(model: Model, info: ModelInfo, other: ModelInfo) -> Iterator[Problem]:
    """Compare what the two take."""
    name, theirs = model.fallback, {tensor.name: tensor for tensor in other.inputs}
    hint = "name a model that takes the same inputs, or a constant: { outputs = {...} }"
    mine = [tensor.name for tensor in info.inputs]
    if set(mine) != set(theirs):
        yield (), f"{name} takes {', '.join(theirs)}, expected {', '.join(mine)}", hint
        return
    is_by_rows = info.batch != 0
    if is_by_rows != (other.batch != 0):
        yield (), f"{name} {'takes no rows' if is_by_rows else 'takes rows'}, unlike the model", hint
    for tensor in info.inputs:
        its = theirs[tensor.name]
        if its.datatype != tensor.datatype or not _takes(its, tensor, skip=int(is_by_rows)):
            yield (), f"{name} takes {_shown(its)} as {tensor.name}, expected {_shown(tensor)}", hint


def _takes(its: Tensor, mine: Tensor, skip: int) -> bool:
    """Say whether a tensor takes whatever the other does; rows are divided as needed."""
    sizes = zip(its.shape[skip:], mine.shape[skip:], strict=False)
    return len(its.shape) == len(mine.shape) and all(size in (-1, wanted) for size, wanted in sizes)


def _shown(tensor: Tensor) -> str:
    return f"{tensor.datatype} {list(tensor.shape)}"


def _outputs(info: ModelInfo, values: Mapping[str, Any]) -> Iterator[Problem]:
    """Compare a constant to what the model gives."""
    names = [tensor.name for tensor in info.outputs]
    for name in values:
        if name not in names:
            message = f'there is no output "{name}"; expected {", ".join(names)}'
            yield ("outputs", name), message, did_you_mean(name, names) or "correct the name"
    for tensor in info.outputs:
        if tensor.name not in values:
            yield (
                ("outputs",),
                f'output "{tensor.name}" is missing; expected {_row(tensor, info)}',
                f"add {tensor.name}",
            )
        else:
            wrong = _misfit(values[tensor.name], tensor, is_row=info.batch != 0)
            if wrong:
                yield ("outputs", tensor.name), f"{wrong}; expected {_row(tensor, info)}", "correct the value"


def _row(tensor: Tensor, info: ModelInfo) -> str:
    shape = list(tensor.shape[1:] if info.batch != 0 else tensor.shape)
    return f"{tensor.datatype} of shape {shape}, one row" if info.batch != 0 else f"{tensor.datatype} of shape {shape}"


def _misfit(value: Any, tensor: Tensor, *, is_row: bool) -> str:
    """Say what is wrong with a value, read as the runtime reads a caller's ("" when nothing is)."""
    from slsdeploy_runtime import decode, manifest, request  # numpy is slow to import

    wanted = manifest.Tensor(tensor.name, tensor.datatype, tensor.shape)
    try:
        array = decode.as_array([value] if is_row else value, wanted, tensor.name)
        decode.check_shape(array, wanted, tensor.name, skip=1 if is_row else 0)
    except request.BadInput as error:
        return f"{tensor.name}: found {error.found}"
    return ""
