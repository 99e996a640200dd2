"""Files -> the tree that is drawn: parts, their folders, their files; folders with one thing in them are joined with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["library", "module", "bytecode", "other"]
_MOUNTS = ("opt/python/", "opt/", "task/")
_SHOWN = 30  # in one folder; the rest is one rectangle
_KINDS: Mapping[str, Kind] = {"py": "module", "pyc": "bytecode", "pyd": "library"}


@dataclass(frozen=True, slots=True)
class Sized:
    """A file of a bundle: its part, its path from the bundle's folder, its bytes."""

    part: str
    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Node:
    """A folder with what is in it, the largest first; or a file (no `children`), or what is too small to be drawn by itself."""

    name: str
    path: str
    bytes: int
    files: int
    kind: Kind = "other"
    children: tuple[Node, ...] = ()


def parts(files: Iterable[Sized]) -> list[Node]:
    """Return a node for each part, the largest first."""
    found: dict[str, dict[str, Sized]] = {}
    for file in files:
        if file.bytes:
            found.setdefault(file.part, {})[_inner(file.path)] = file
    made = [_folder(part, "", [(path.split("/"), file) for path, file in each.items()]) for part, each in found.items()]
    return sorted(made, key=lambda node: -node.bytes)


def kind_of(path: str) -> Kind:
    """Say what a file is."""
    name = path.rpartition("/")[2]
    if ".so" in name:
        return "library"
    return _KINDS.get(name.rpartition(".")[2], "other")


def _inner(path: str) -> str:
    mount = next((mount for mount in _MOUNTS if path.startswith(mount)), "")
    return path.removeprefix(mount)


def _folder(name: str, path: str, files: Sequence[tuple[list[str], Sized]]) -> Node:
    below: dict[str, list[tuple[list[str], Sized]]] = {}
    for parts, file in files:
        below.setdefault(parts[0], []).append((parts[1:], file))
    children = [_child(word, f"{path}/{word}" if path else word, each) for word, each in below.items()]
    children.sort(key=lambda node: (-node.bytes, node.name))
    size = sum(file.bytes for _, file in files)
    return Node(name, path, size, len(files), children=tuple(_fewer(children, path)))


def _child(name: str, path: str, files: Sequence[tuple[list[str], Sized]]) -> Node:
    """Make a file or a folder; a folder with one thing in it is that thing, by both names."""
    first, file = files[0]
    if not first:
        return Node(name, path, file.bytes, 1, kind_of(path))
    node = _folder(name, path, files)
    if len(node.children) != 1 or node.children[0].files != node.files:
        return node
    only = node.children[0]
    return Node(f"{name}/{only.name}", only.path, only.bytes, only.files, only.kind, only.children)


def _fewer(children: Sequence[Node], path: str) -> Iterable[Node]:
    """Sum up the smallest where there are too many to be seen."""
    if len(children) <= _SHOWN:
        return children
    rest = children[_SHOWN - 1 :]
    files = sum(node.files for node in rest)
    return [*children[: _SHOWN - 1], Node(f"{files} smaller", path, sum(node.bytes for node in rest), files)]
