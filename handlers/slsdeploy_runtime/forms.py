"""The three forms in which a model is asked: which arrays each means, and how its answer looks.

{"inputs": {name: nested lists}}            -> {"outputs": {name: nested lists}}
{"instances": [row, ...]}                   -> {"predictions": [row, ...]}
{"inputs": [{name, shape, datatype, data}]} -> the Open Inference Protocol's answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime.decode import Array, as_array, check_shape, describe, name_inputs, one_of
from slsdeploy_runtime.encode import plain
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, mismatch

if TYPE_CHECKING:
    from slsdeploy_runtime.fallback import By

EXPECTED = '{"inputs": {name: values}} or {"instances": [rows]}'


def say(answer: Any, by: By) -> dict[str, Any]:
    """Say in an answer that the model's fallback gave it."""
    value = answer if isinstance(answer, dict) else {"result": answer}
    return {**value, "fallback": {"model": by.name, "reason": by.reason}}


class Ask(NamedTuple):
    """A request understood: the model, its input arrays, what makes the answer of its outputs, and says whose they are."""

    model: Model
    inputs: Mapping[str, Array]
    reply: Callable[[Mapping[str, Array]], Any]
    say: Callable[[Any, By], Any] = say


def read(data: Any, model: Model) -> Ask:
    """Understand decoded JSON in one of the three forms. Raises BadInput."""
    if not isinstance(data, Mapping):
        raise mismatch("body", describe(data), EXPECTED)
    if "inputs" in data and "instances" in data:
        raise mismatch("body", "both 'inputs' and 'instances'", "one of them")
    if "instances" in data:
        return Ask(model, _instances(data["instances"], model), predictions)
    if "inputs" not in data:
        raise mismatch("body", describe(data), EXPECTED)
    given = data["inputs"]
    if isinstance(given, list):
        from slsdeploy_runtime import oip  # only for who speaks it

        asked = oip.read(data, model)
        return Ask(model, asked.inputs, asked.reply, oip.say)
    if not isinstance(given, Mapping):
        raise mismatch("inputs", describe(given), f"an object with {one_of([each.name for each in model.inputs])}")
    return Ask(model, _named(given, model), plain_outputs)


def plain_outputs(outputs: Mapping[str, Array]) -> dict[str, Any]:
    """Answer `{"outputs": {name: nested lists}}`."""
    return {"outputs": {name: plain(array, name) for name, array in outputs.items()}}


def _named(given: Mapping[str, Any], model: Model) -> dict[str, Array]:
    name_inputs(given, model.inputs, "inputs")
    arrays = {}
    for tensor in model.inputs:
        field = f"inputs.{tensor.name}"
        arrays[tensor.name] = as_array(given[tensor.name], tensor, field)
        check_shape(arrays[tensor.name], tensor, field)
    return arrays


def _instances(rows: Any, model: Model) -> dict[str, Array]:
    if not isinstance(rows, list) or not rows:
        raise mismatch("instances", describe(rows), "a list with at least one row")
    if model.batch == 0:
        raise BadInput(
            f"instances: model {model.name!r} does not take rows: send 'inputs'",
            field="instances",
            found="instances",
            expected="inputs",
        )
    columns = _columns(rows, model)
    arrays = {}
    for tensor in model.inputs:
        field = "instances" if len(model.inputs) == 1 else f"instances.{tensor.name}"
        array = as_array(columns[tensor.name], tensor, field)
        if array.ndim == 1 and tensor.shape[1:] == (1,):  # a table's column: a row may give the value itself
            array = array.reshape(-1, 1)
        check_shape(array, tensor, field, skip=1)
        arrays[tensor.name] = array
    return arrays


def _columns(rows: Sequence[Any], model: Model) -> dict[str, Any]:
    """Turn rows into one list per input: a row is an object with every input, or the value itself if there is just one."""
    if len(model.inputs) == 1 and not isinstance(rows[0], Mapping):
        return {model.inputs[0].name: rows}
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            names = one_of([each.name for each in model.inputs])
            raise mismatch(f"instances[{index}]", describe(row), f"an object with {names}")
        name_inputs(row, model.inputs, f"instances[{index}]")
    return {tensor.name: [row[tensor.name] for row in rows] for tensor in model.inputs}


def predictions(outputs: Mapping[str, Array]) -> dict[str, Any]:
    """Answer `{"predictions": [row, ...]}`. Raises BadInput for a model that does not answer row by row."""
    columns = {name: plain(array, name) for name, array in outputs.items()}
    sizes = {len(column) if isinstance(column, list) else -1 for column in columns.values()}
    if len(sizes) != 1 or -1 in sizes:
        raise BadInput("instances: this model does not answer row by row: send 'inputs'", field="instances")
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}
