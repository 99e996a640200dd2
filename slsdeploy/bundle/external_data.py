"""A model's tensors that lie in files beside it -> which files, how much of each, and what is wrong with them.

https://onnx.ai/onnx/repo-docs/ExternalData.html: `location` is a path from the model's folder, `offset` and `length` are bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from slsdeploy.errors import ExternalDataError
from slsdeploy.printable import printable

_NUMBER = re.compile(r"[0-9]{1,20}")  # no file has more bytes than that
_SAVE = "save it with its external data beside it (onnx.save_model)"


def ends(tensors: Iterable[Any]) -> dict[str, int]:
    """Return the files that hold tensors, and how many bytes each must have at least."""
    import onnx

    needed: dict[str, int] = {}
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            entry = {item.key: item.value for item in tensor.external_data}
            location = entry.get("location", "")
            end = sum(int(entry[key]) for key in ("offset", "length") if _NUMBER.fullmatch(entry.get(key, "")))
            needed[location] = max(needed.get(location, 0), end)
    return needed


def problems(path: Path, tensors: Iterable[Any]) -> list[ExternalDataError]:
    """Return what is wrong with the files of a model, one for each."""
    return [problem for location, size in sorted(ends(tensors).items()) for problem in _wrong(path, location, size)]


def file(path: Path, location: str) -> Path:
    """Return the file that a location leads to, whichever way round it goes there."""
    return Path(os.path.normpath(path.parent / location))


def _wrong(path: Path, location: str, size: int) -> Iterator[ExternalDataError]:
    where, named = str(path), printable(location[:200])
    if not location or not _is_inside(path, location):
        message = f'the model keeps its weights outside its own folder, in "{named}"'
        yield ExternalDataError(message, _SAVE, where)
        return
    held = file(path, location)
    if not os.path.isfile(held):  # noqa: PTH113 -- pathlib's raises for names that no file can have
        message = f'the model keeps its weights in "{named}", which is missing'
        yield ExternalDataError(message, "copy it beside the model; both files belong together", where)
        return
    found = held.stat().st_size
    if found < size:
        message = f'"{named}", which holds the model\'s weights, is cut short: {found:,} bytes of {size:,}'
        yield ExternalDataError(message, "copy it again", where)


def _is_inside(path: Path, location: str) -> bool:
    """Say whether a location leads to a file in the model's folder: no absolute path, of Windows neither, and no link out of it."""
    if PurePosixPath(location).is_absolute() or PureWindowsPath(location).drive:
        return False
    try:
        return file(path, location).resolve().is_relative_to(path.parent.resolve())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have; a circle of links, before Python 3.13
        return False
