"""The page of `build --html` in a real Chromium: no number of bytes is cut off; what has no room is in the title."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy.results.prepare import Built
from slsdeploy.treemap import Sized, page
from tests import browser

CHROMIUM = browser.find()
# Whether a label's bytes are partly seen: some of their rectangle is within what shows them, some is not.
CUT = """[...document.querySelectorAll("#map small")].filter(each => {
  const inner = each.getBoundingClientRect(), outer = each.parentElement.getBoundingClientRect();
  const x = Math.min(inner.right, outer.right) - Math.max(inner.left, outer.left);
  const y = Math.min(inner.bottom, outer.bottom) - Math.max(inner.top, outer.top);
  return inner.width && x > 0.5 && y > 0.5 && (x < inner.width - 0.5 || y < inner.height - 0.5);
}).map(each => each.closest(".box").title)"""
SHOWN = """[...document.querySelectorAll("#map small")].filter(each => {
  const inner = each.getBoundingClientRect(), outer = each.parentElement.getBoundingClientRect();
  return inner.width && inner.right <= outer.right + 0.5 && inner.bottom <= outer.bottom + 0.5;
}).length"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_no_number_is_cut_off(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    files = [
        Sized(
            "dependencies",
            f"opt/python/package{number % 7}/folder{number % 13}/_module_number_{number}.so",
            1_234_567 // number,
        )
        for number in range(1, 400)
    ]
    built = Built(package="layer", digest="d" * 64, parts=[], unzipped_bytes=1, path="")
    (tmp_path / "page.html").write_text(page(built, files, "iris", 262_144_000), encoding="utf-8")
    with browser.browsing(CHROMIUM, tmp_path / "profile") as tab:
        for width in (1200, 600):
            for scheme in ("light", "dark"):
                tab.size(width, 1000, scheme)
                tab.open((tmp_path / "page.html").as_uri())
                assert tab.run(CUT) == []
                assert tab.run(SHOWN) > 10
        assert tab.run('[...document.querySelectorAll(".box")].every(each => / [kM]?B, /.test(each.title))')
