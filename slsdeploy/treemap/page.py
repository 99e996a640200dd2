"""A bundle and its files -> the page. What stands in it is treemap.html; here are its rectangles and its tables. Pure.

A rectangle is placed in percent of the one around it, so the page fits any width. Without its script it shows the same; with it, a
click on a folder enlarges that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from slsdeploy import page_frame
from slsdeploy.page_frame import Tile
from slsdeploy.printable import size
from slsdeploy.results.prepare import Built
from slsdeploy.treemap import squares
from slsdeploy.treemap.nodes import Node, Sized, parts
from slsdeploy.treemap.squares import Box

_PAGE = Path(__file__).with_name("treemap.html")
_PROPORTION = 1.8  # of the map, as treemap.html has it: its width to its height
_SUFFIX = re.compile(r"\.cpython-\d+(?:-[\w-]+)?(?=\.\w+$)")  # of an extension module: it is the same for all
_LEAST = 0.0002  # of all: what is smaller has no rectangles in it
_LARGEST = 15
_NAMES = {"library": "native libraries", "module": "Python", "bytecode": "bytecode", "other": "anything else"}


def page(built: Built, files: Sequence[Sized], name: str, limit: int) -> str:
    """Return the page; `limit` is what the package may take unzipped, in bytes."""
    found = parts(files)
    total = sum(node.bytes for node in found) or 1
    return page_frame.fill(
        _PAGE,
        f"{name}: what takes the space",
        f"{built.package} bundle {built.digest[:12]}, {sum(node.files for node in found):,} files",
        _tiles(built, total, limit),
        map="".join(_level(found, total, "", Box(0, 0, _PROPORTION, 1))),
        legend="".join(_legend(found)),
        kinds="".join(f'<span class="{kind}"><i></i>{escape(said)}</span>' for kind, said in _NAMES.items()),
        largest="".join(_largest(files, total)),
        packages="".join(_packages(built.space, total)),
        cuts=_cuts(built.slimmed),
    )


def _tiles(built: Built, total: int, limit: int) -> Iterator[Tile]:
    yield ("unzipped", size(total), f"{total / limit:.0%} of the {limit:,} bytes that Lambda takes")
    zipped = sum(part["compressed_bytes"] for part in built.parts)
    yield ("packed", size(zipped), "all parts together")
    cut = built.slimmed.get("bytes", 0)
    if cut:
        yield ("left out", size(cut), f"of {size(total + cut)} that were installed")
    elif built.slimmed.get("mode") == "off":
        yield ("left out", "nothing", 'slim = "off"')


def _level(nodes: Sequence[Node], total: int, part: str, box: Box) -> Iterator[str]:
    """Draw what is in a box: at the top, the parts."""
    shown = [node for node in nodes if node.bytes]
    for node, place in zip(shown, squares.fill([node.bytes for node in shown], box), strict=True):
        inside = Box(
            (place.x - box.x) / box.width,
            (place.y - box.y) / box.height,
            place.width / box.width,
            place.height / box.height,
        )
        yield from _drawn(node, total, part or node.name, place, inside)


def _drawn(node: Node, total: int, part: str, place: Box, inside: Box) -> Iterator[str]:
    at = f"left:{100 * inside.x:.3f}%;top:{100 * inside.y:.3f}%;width:{100 * inside.width:.3f}%;height:{100 * inside.height:.3f}%"
    files = f"{node.files:,} files, " if node.files > 1 else ""
    told = f"{node.path or node.name}\n{files}{size(node.bytes)}, {_share(node.bytes, total)}"
    kind = "folder" if _is_open(node, total) else f"file {node.kind}"
    colour = "" if node.path else f" {part}"
    yield f'<div class="box {kind}{colour}" style="{at}" title="{escape(told)}"'
    name, amount = escape(_SUFFIX.sub("", node.name)), size(node.bytes)
    if kind != "folder":
        yield f"><span>{name}<br><small>{amount}</small></span></div>"
        return
    yield f' tabindex="0"><b>{name} <small>{amount}</small></b><div class="in">'
    yield from _level(node.children, total, part, place)
    yield "</div></div>"


def _is_open(node: Node, total: int) -> bool:
    """Say whether what is in a folder is drawn; it is in a part, always."""
    return bool(node.children) and (not node.path or node.bytes > _LEAST * total)


def _share(amount: int, total: int) -> str:
    share = 100 * amount / total
    return f"{share:.1f} %" if share >= 0.05 else "less than 0.1 %"


def _legend(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        yield f'<span class="{escape(node.name)}"><i></i>{escape(node.name)} {size(node.bytes)}</span>'


def _largest(files: Sequence[Sized], total: int) -> Iterator[str]:
    found = sorted(files, key=lambda file: (-file.bytes, file.path))[:_LARGEST]
    most = found[0].bytes if found and found[0].bytes else 1
    for file in found:
        bar = f'<div class="bar {escape(file.part)}" style="width:{100 * file.bytes / most:.2f}%"></div>'
        yield f'<div class="row"><div class="name">{_breakable(file.path)}</div><div class="track">{bar}</div>'
        yield f'<div class="value">{size(file.bytes)} <small>{_share(file.bytes, total)}</small></div></div>'


def _breakable(path: str) -> str:
    return escape(path).replace("/", "/<wbr>").replace("_", "_<wbr>")


def _packages(space: Sequence[Mapping[str, Any]], total: int) -> Iterator[str]:
    for row in space:
        cells = (
            f"{row['files']:,}",
            size(row["bytes"]),
            _share(row["bytes"], total),
            size(row["cut_bytes"]) if row["cut_bytes"] else "",
        )
        left = cells if row["files"] else ("", "nothing left", "", cells[3])
        numbers = "".join(f"<td>{cell}</td>" for cell in left)
        yield f'<tr><th><i class="{escape(row["part"])}"></i>{escape(row["name"])}</th>{numbers}</tr>'


def _cuts(slimmed: Mapping[str, Any]) -> str:
    cuts = sorted(slimmed.get("cuts", ()), key=lambda cut: -cut["bytes"])
    if not cuts:
        return ""
    rows = "".join(
        f"<tr><th>{escape(cut['name'])}</th><td class='text'>{escape(cut['package'])}</td><td>{cut['files']:,}</td>"
        f"<td>{size(cut['bytes'])}</td><td class='text'>{_why(cut)}</td></tr>"
        for cut in cuts
    )
    looked = " ".join(f"{escape(said)}." for said in (slimmed["imports_by"], slimmed["outputs_by"]) if said)
    head = "<tr><th>cut</th><th class='text'>package</th><th>files</th><th>unzipped</th><th class='text'>why</th></tr>"
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    return f"<h2>What was left out</h2>\n<p>{looked}</p>\n{table}"


def _why(cut: Mapping[str, Any]) -> str:
    if cut["undone"]:
        return f"<span class='bad'>kept:</span> {escape(cut['undone'])}"
    return escape(cut["why"])
