"""The Open Inference Protocol v2's words: an inference request read, its answer written, the metadata of a model.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from slsdeploy_runtime.decode import DATATYPES, DTYPES, Array, as_array, check_sizes, describe, name_inputs, one_of
from slsdeploy_runtime.encode import plain
from slsdeploy_runtime.manifest import Tensor, is_structured
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.oip_binary import Tail, pack, unpack
from slsdeploy_runtime.request import mismatch

if TYPE_CHECKING:
    from slsdeploy_runtime.fallback import By
# Triton's extensions whose data or answers would be others: https://github.com/triton-inference-server/server/tree/main/docs/protocol
_NOT_SERVED = ("shared_memory_region", "classification")


class Asked(NamedTuple):
    """An inference request understood: the input arrays, and what makes the answer of the outputs."""

    inputs: Mapping[str, Array]
    reply: Callable[[Mapping[str, Array]], dict[str, Any]]


def read(body: Any, model: Model, tail: Tail | None = None) -> Asked:
    """Understand an inference request for this model. Raises BadInput.

    With a `tail` (over HTTP), tensors may be raw bytes: in the answer, the `data` of such an output is bytes.
    """
    if not isinstance(body, Mapping):
        raise mismatch("body", describe(body), '{"inputs": [{"name", "shape", "datatype", "data"}]}')
    tensors = body.get("inputs")
    if not isinstance(tensors, list):
        raise mismatch("inputs", describe(tensors), "a list of {name, shape, datatype, data}")
    arrays: dict[str, Array] = {}
    for index, entry in enumerate(tensors):
        name, array = _read_tensor(entry, model, f"inputs[{index}]", tail)
        if name in arrays:
            raise mismatch(f"inputs[{index}].name", f"{name!r} a second time", "each input once")
        arrays[name] = array
    if tail is not None:
        tail.finish()
    name_inputs(arrays, model.inputs, "inputs")
    wanted = _wanted(body, model, is_binary_possible=tail is not None)
    request_id = body.get("id")
    if not isinstance(request_id, str | None):
        raise mismatch("id", describe(request_id), "a text")
    return Asked(arrays, lambda outputs: _answer(model, outputs, wanted, request_id))


def say(answer: Mapping[str, Any], by: By) -> dict[str, Any]:
    """Say in an answer that the model's fallback gave it."""
    whose = {} if by.model is None else {"model_name": by.model.name, "model_version": by.model.version}
    return {**answer, **whose, "parameters": {"fallback": by.name, "fallback_reason": by.reason}}


def metadata(model: Model) -> dict[str, Any]:
    """Describe a model: its versions, platform, inputs and outputs."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": model.platform,
        "inputs": [_describe_tensor(tensor) for tensor in model.inputs],
        "outputs": [_describe_tensor(tensor) for tensor in outputs_of(model)],
    }


def outputs_of(model: Model) -> list[Tensor]:
    """Return the model's outputs as the protocol has them: tensors, which a list of maps becomes two of."""
    found: list[Tensor] = []
    for tensor in model.outputs:
        if is_structured(tensor.datatype):
            from slsdeploy_runtime import structures  # only for a model that has such an output

            found += structures.tensors(tensor)
        else:
            found.append(tensor)
    return found


def _flattened(model: Model, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return the outputs as arrays of numbers and texts."""
    structured = [tensor for tensor in model.outputs if is_structured(tensor.datatype) and tensor.name in outputs]
    if not structured:
        return outputs
    from slsdeploy_runtime import structures

    found = dict(outputs)
    for tensor in structured:
        found |= structures.flattened(tensor, found.pop(tensor.name), DTYPES)
    return found


def _describe_tensor(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _read_tensor(entry: Any, model: Model, field: str, tail: Tail | None) -> tuple[str, Array]:
    if not isinstance(entry, Mapping):
        raise mismatch(field, describe(entry), "an object with name, shape, datatype, data")
    by_name = {tensor.name: tensor for tensor in model.inputs}
    name = entry.get("name")
    if not isinstance(name, str) or name not in by_name:
        raise mismatch(f"{field}.name", describe(name), one_of(list(by_name)))
    tensor = by_name[name]
    if entry.get("datatype") != tensor.datatype:
        raise mismatch(f"{field}.datatype", describe(entry.get("datatype")), tensor.datatype)
    shape = _read_shape(entry.get("shape"), f"{field}.shape")
    check_sizes(shape, tensor, f"{field}.shape")
    array = _read_data(entry, tensor, field, tail)
    if array.size != math.prod(shape):
        raise mismatch(f"{field}.data", f"{array.size} elements", f"{math.prod(shape)}, as shape {list(shape)} says")
    return name, array.reshape(shape)


def _read_data(entry: Mapping[str, Any], tensor: Tensor, field: str, tail: Tail | None) -> Array:
    parameters = _parameters(entry, field)
    _refuse(parameters, f"{field}.parameters", _NOT_SERVED)
    if tail is not None and "binary_data_size" in parameters:
        return unpack(tail.take(parameters["binary_data_size"], field), tensor, field)
    if not isinstance(entry.get("data"), list):
        found = describe(entry["data"]) if "data" in entry else "nothing"
        raise mismatch(f"{field}.data", found, f"a list of {tensor.datatype}")
    return as_array(entry["data"], tensor, f"{field}.data")


def _read_shape(shape: Any, field: str) -> tuple[int, ...]:
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise mismatch(field, describe(shape), "a list of sizes")
    return tuple(shape)


def _parameters(entry: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise mismatch(f"{field}.parameters", describe(parameters), "an object")
    return parameters


def _refuse(parameters: Mapping[str, Any], field: str, names: Sequence[str]) -> None:
    """Refuse what would change the answer and is not done here; parameters that nobody knows are allowed by the protocol."""
    for name in names:
        if name in parameters:
            raise mismatch(
                f"{field}.{name}", "an extension that this server does not have", "one of those that GET /v2 lists"
            )


def _wanted(body: Mapping[str, Any], model: Model, *, is_binary_possible: bool) -> dict[str, bool]:
    """Return the outputs that the caller asks for, and whether as raw bytes; all of them when it does not say."""
    known = [tensor.name for tensor in outputs_of(model)]
    is_binary = is_binary_possible and _parameters(body, "body").get("binary_data_output") is True
    outputs = body.get("outputs")
    if outputs is None or outputs == []:
        return dict.fromkeys(known, is_binary)
    if not isinstance(outputs, Sequence) or isinstance(outputs, str):
        raise mismatch("outputs", describe(outputs), "a list of {name}")
    wanted = {}
    for index, entry in enumerate(outputs):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if name not in known:
            raise mismatch(f"outputs[{index}].name", describe(name), one_of(known))
        parameters = _parameters(entry, f"outputs[{index}]")
        _refuse(parameters, f"outputs[{index}].parameters", _NOT_SERVED)
        wanted[name] = is_binary_possible and parameters.get("binary_data", is_binary) is True
    return wanted


def _answer(
    model: Model, outputs: Mapping[str, Array], wanted: Mapping[str, bool], request_id: str | None
) -> dict[str, Any]:
    answer: dict[str, Any] = {"model_name": model.name, "model_version": model.version}
    if request_id is not None:
        answer["id"] = request_id
    outputs = _flattened(model, outputs)
    # a user's `predict` may answer with names of its own
    names = [name for name in wanted if name in outputs] or list(outputs)
    answer["outputs"] = [_write_tensor(name, np.asarray(outputs[name]), wanted.get(name, False)) for name in names]
    return answer


def _write_tensor(name: str, array: Array, is_binary: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "datatype": DATATYPES.get(array.dtype, "BYTES"),
        "shape": list(array.shape),
    }
    if is_binary:
        raw = pack(array)
        return {**entry, "parameters": {"binary_data_size": len(raw)}, "data": raw}
    return {**entry, "data": plain(array.ravel(), name)}
