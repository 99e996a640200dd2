"""A title, some tiles and a page's own style and body -> an HTML page; page_frame.html is what all pages share.

A page needs nothing but itself: no font, no address.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

Tile = tuple[str, str, str]  # a name, a value, and what more there is to say


def fill(own: Path, title: str, subtitle: str, tiles: Iterable[Tile], **parts: str) -> str:
    """Return a page; `own` is the file with its style and, after that, its body, in which the parts take their places."""
    style, _, body = _filled(own, parts).partition("</style>\n")
    head = {"title": escape(title), "subtitle": escape(subtitle), "tiles": "".join(_tile(*tile) for tile in tiles)}
    frame = Path(__file__).with_name("page_frame.html")
    return _filled(frame, {**head, "style": style.removeprefix("<style>\n"), "body": body.rstrip()})


def _filled(path: Path, parts: dict[str, str]) -> str:
    return Template(path.read_text(encoding="utf-8")).substitute(parts)


def _tile(name: str, value: str, more: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(more)}</small></dd></div>"
