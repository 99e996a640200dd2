"""Nested lists from JSON -> numpy arrays of the model's signature, or a BadInput that names the place.

Nothing is guessed: a text is not a number, a missing dimension is not added, a value that does not fit is not wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.request import BadInput, mismatch

Array = np.ndarray[Any, Any]

# https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol#tensor-data-types
DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    "BYTES": np.dtype(object),
}
DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
_WORDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "numbers", "O": "texts"}


def as_array(value: Any, tensor: Tensor, field: str) -> Array:
    """Turn nested lists into an array of the tensor's datatype; its shape is not looked at. Raises BadInput."""
    dtype = DTYPES[tensor.datatype]
    try:
        found = np.array(value, dtype=object if dtype.kind == "O" else None)
    except (ValueError, OverflowError):  # ragged, or deeper than numpy goes
        raise _explain(value, tensor, field) from None
    if found.size == 0:
        return found.astype(dtype)
    if found.dtype.kind in "Of" and found.dtype.kind != dtype.kind:
        found = _exact(value, found, dtype)
    if not _kind_fits(found, dtype) or (dtype.kind in "iuf" and _has_boolean(value)):
        raise _explain(value, tensor, field)
    return _cast(found, tensor, field)


def check_shape(array: Array, tensor: Tensor, field: str, *, skip: int = 0) -> None:
    """Compare an array's shape to the tensor's; the first `skip` dimensions may be any size. Raises BadInput."""
    check_sizes(array.shape, tensor, field, skip=skip)


def check_sizes(shape: Sequence[int], tensor: Tensor, field: str, *, skip: int = 0) -> None:
    """Compare a shape to the tensor's, as `check_shape` does. Raises BadInput."""
    wanted = tensor.shape
    fits = len(shape) == len(wanted) and all(
        want in (size, -1) or axis < skip for axis, (size, want) in enumerate(zip(shape, wanted, strict=True))
    )
    if not fits:
        raise mismatch(field, f"shape {_clip(str(list(shape)))}", f"shape {list(wanted)}" + _any_size(wanted))
    if 0 in shape:
        raise mismatch(field, f"shape {list(shape)}", "at least one element")


def name_inputs(given: Mapping[str, Any], wanted: Sequence[Tensor], field: str) -> None:
    """Check that exactly the model's inputs are named. Raises BadInput for the first that is unknown or missing."""
    names = [tensor.name for tensor in wanted]
    for name in given:
        if name not in names:
            left = [each for each in names if each not in given]
            raise mismatch(
                f"{field}.{_clip(name)}", "an input that the model does not have", _meant(name, left or names)
            )
    for tensor in wanted:
        if tensor.name not in given:
            raise mismatch(f"{field}.{tensor.name}", "nothing", signature_text(tensor))


def signature_text(tensor: Tensor) -> str:
    """Say what a tensor takes, as in `FP32 [-1, 4]`."""
    return f"{tensor.datatype} {list(tensor.shape)}"


def one_of(names: Sequence[str]) -> str:
    """List names for a message."""
    return " or ".join(repr(_clip(name)) for name in names[:10]) + (" ..." if len(names) > 10 else "")


def _meant(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches  # only needed here, where something is wrong

    close = get_close_matches(name, names, n=1)
    return f"{close[0]!r} (did you mean that?)" if close else one_of(names)


def describe(value: Any) -> str:
    """Say what a JSON value is, briefly enough for one line."""
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {_clip(str(value))}"
        case str():
            return f"the text {_clip(value)!r}"
        case list() | tuple():
            return f"a list of {len(value)}"
        case Mapping():
            return f"an object with {one_of(list(value))}" if value else "an empty object"
        case _:
            return type(value).__name__


def _clip(text: str) -> str:
    """Keep a message short, whatever the caller sent."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def _any_size(shape: Sequence[int]) -> str:
    return " (-1: any size)" if -1 in shape else ""


def _has_boolean(value: Any) -> bool:
    """Say whether a boolean is among the numbers, which numpy takes for 0 or 1."""
    if not isinstance(value, list):
        return isinstance(value, bool)
    if value and isinstance(value[0], list):
        return any(map(_has_boolean, value))
    return bool in set(map(type, value))


def _kind_fits(found: Array, dtype: np.dtype[Any]) -> bool:
    kind = found.dtype.kind
    if dtype.kind == "f":
        return kind in "iuf"
    if dtype.kind in "iu":
        return kind in "iu" or (kind == "f" and bool(np.isfinite(found).all() and (found == np.rint(found)).all()))
    if dtype.kind == "O":
        return all(type(leaf) is str for leaf in found.ravel().tolist())
    return bool(kind == dtype.kind)


def _exact(value: Any, found: Array, dtype: np.dtype[Any]) -> Array:
    """Read again what numpy took for floats or objects: integers beside 1.0, or of more than 64 bits, keep their value."""
    if dtype.kind not in "iuf":
        return found
    leaves = np.array(value, dtype=object)
    flat = leaves.ravel().tolist()
    if not set(map(type, flat)) <= {int, float}:
        return found
    if dtype.kind == "f":
        try:
            return leaves.astype(np.float64)
        except OverflowError:  # an integer beyond all floats
            return found
    whole = [int(leaf) if isinstance(leaf, float) and leaf.is_integer() else leaf for leaf in flat]
    if set(map(type, whole)) != {int}:
        return found
    limits = np.iinfo(dtype)
    if limits.min <= min(whole) and max(whole) <= limits.max:
        return np.array(whole, dtype).reshape(found.shape)
    return found


def _cast(found: Array, tensor: Tensor, field: str) -> Array:
    dtype = DTYPES[tensor.datatype]
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            cast = found.astype(dtype)
        fits = np.isfinite(cast)
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = (found >= limits.min) & (found <= limits.max)
        if found.dtype.kind == "f" and dtype.itemsize == 8:  # the limits round up to a float that is past them
            fits &= found < 2.0 ** (63 if dtype.kind == "i" else 64)
        cast = found.astype(dtype) if fits.all() else found
    else:
        return found.astype(dtype)
    if not fits.all():
        first = tuple(int(axis) for axis in np.argwhere(~fits)[0])
        raise mismatch(_place(field, first), f"the number {found[first]}", f"what fits {tensor.datatype}")
    return cast


def _explain(value: Any, tensor: Tensor, field: str) -> BadInput:
    """Find the first place where `value` is not what the tensor takes: a wrong leaf, or lists of different lengths."""
    try:
        return _first_wrong(value, tensor, field)
    except RecursionError:
        return mismatch(field, "lists nested hundreds deep", signature_text(tensor))


def _first_wrong(value: Any, tensor: Tensor, field: str) -> BadInput:
    kind = DTYPES[tensor.datatype].kind
    for place, leaf in _leaves(value, ()):
        if not _leaf_fits(leaf, kind):
            return mismatch(_place(field, place), describe(leaf), f"{_WORDS[kind]} ({signature_text(tensor)})")
    ragged = _ragged(value, ())
    if ragged is not None:
        place, found, want = ragged
        return mismatch(_place(field, place), found, f"{want}, as in the first of its row ({signature_text(tensor)})")
    return mismatch(field, "values that do not fit", signature_text(tensor))


def _leaf_fits(leaf: Any, kind: str) -> bool:
    if kind == "f":
        return type(leaf) in (int, float)
    if kind in "iu":
        return type(leaf) is int or (type(leaf) is float and leaf.is_integer())
    return type(leaf) is (str if kind == "O" else bool)


def _leaves(value: Any, place: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, index))
    else:
        yield place, value


def _ragged(value: Any, place: tuple[int, ...]) -> tuple[tuple[int, ...], str, str] | None:
    """Return the first place whose length differs from its first sibling's: place, found, expected."""
    if not isinstance(value, list) or not value:
        return None
    first = _size(value[0])
    for index, item in enumerate(value):
        if _size(item) != first:
            return (*place, index), describe(item), "a single value" if first is None else f"a list of {first}"
    inner = (_ragged(item, (*place, index)) for index, item in enumerate(value))
    return next((found for found in inner if found is not None), None)


def _size(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def _place(field: str, index: tuple[int, ...]) -> str:
    return field + "".join(f"[{axis}]" for axis in index)
