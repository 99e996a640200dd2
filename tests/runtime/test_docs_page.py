"""`GET /docs`: one page with nothing from elsewhere, whose form works in a real browser."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime.docs_page import channels
from slsdeploy_runtime.manifest import Tensor
from tests import browser
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve
from tests.runtime.http_server import listening
from tests.runtime.test_http import HTTP, request

CHROMIUM = browser.find()


def page_of(function: Function, **changes: Any) -> str:
    event = request("/docs")
    event["requestContext"] |= changes
    answer = function(event)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "text/html; charset=utf-8")
    assert not answer["isBase64Encoded"]
    return str(answer["body"])


def test_it_is_one_small_document_with_nothing_from_elsewhere(serve: Serve) -> None:
    found = page_of(serve(bundles.divide(), events=HTTP))
    assert len(found) < 30_000
    assert re.findall(r"""(?:src|href)=["'](?!data:,|openapi\\.json)[^"']*""", found) == ['href="openapi.json']
    assert (
        "http://" not in found.replace("http://www.w3.org", "") and "https://" not in found and "@import" not in found
    )


def test_no_name_ends_its_script(serve: Serve) -> None:
    function = serve(events=HTTP)
    function.service.name = "</script><script>alert(1)</script>"
    assert "</script><script>alert" not in page_of(function)


def test_it_knows_whether_callers_must_sign(serve: Serve) -> None:
    function = serve(events=HTTP)
    assert '"signed":false' in page_of(function)
    assert '"signed":true' in page_of(function, authorizer={"iam": {"accountId": "123456789012"}})


@pytest.mark.parametrize(
    ("datatype", "shape", "where"),
    [
        ("FP32", (-1, 3, 224, 224), "first"),
        ("UINT8", (1, 28, 28, 1), "last"),
        ("FP32", (-1, 64, 8, 8), ""),
        ("FP32", (3, 224, 224), ""),
        ("BYTES", (1, 3, 2, 2), ""),
    ],
)
def test_four_dimensions_with_one_or_three_channels_are_an_image(
    datatype: str, shape: tuple[int, ...], where: str
) -> None:
    assert channels(Tensor("x", datatype, shape)) == where


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium), so nobody looks at the page")
    with browser.browsing(CHROMIUM, tmp_path_factory.mktemp("profile")) as page:
        yield page


def fill(tab: browser.Page, name: str, text: str) -> None:
    tab.run(f"document.getElementById('input-{name}').value = {text!r}")


def predict(tab: browser.Page) -> dict[str, str]:
    """Press the button, wait for the answer, return what is shown."""
    tab.run("document.getElementById('told').replaceChildren()")
    tab.run("document.getElementById('send').click()")
    tab.wait("document.getElementById('told').children.length > 0")
    shown: dict[str, str] = tab.run(
        "Object.fromEntries(['status', 'latency', 'start', 'answer'].map(id => [id, document.getElementById(id)?.textContent]))"
    )
    return shown


def test_the_form_is_filled_and_the_answer_read(serve: Serve, tab: browser.Page) -> None:
    function = serve(bundles.divide(), events=HTTP)
    function.telemetry.initialised(0.142)
    with listening(function) as url:
        tab.open(f"{url}/")  # a browser is sent on
        assert tab.run("location.pathname") == "/docs"
        assert tab.run("[...document.querySelectorAll('label')].map(each => each.textContent)") == ["model", "a", "b"]
        fill(tab, "a", "[6, 8]")
        fill(tab, "b", "[2, 4]")
        first = predict(tab)
        assert first["status"] == "200"
        assert re.fullmatch(r"[\d.]+ ms in all", first["latency"])
        assert re.sub(r"\s", "", first["answer"]) == '{"outputs":{"quotient":[3,2],"total":[8,12]}}'
        fill(tab, "a", "[1, true]")
        second = predict(tab)
        assert (second["status"], second["start"]) == ("400", "warm")
        assert "inputs.a[1]: found the boolean true" in second["answer"]
        fill(tab, "a", "[1, ")
        assert predict(tab)["answer"].startswith("a is not JSON")


def test_a_cold_start_is_shown(serve: Serve, tab: browser.Page) -> None:
    function = serve(events=HTTP)
    with listening(function) as url:
        tab.open(f"{url}/docs")
        function.telemetry.initialised(0.142)
        assert predict(tab)["start"] == "cold start 142 ms"


def test_long_integers_are_sent_and_shown_as_they_are(serve: Serve, tab: browser.Page) -> None:
    with listening(serve(bundles.same("UINT64"), events=HTTP)) as url:
        tab.open(f"{url}/docs")
        fill(tab, "in", "[18446744073709551615, 9007199254740993]")
        assert predict(tab)["answer"] == '{"outputs":{"out":[18446744073709551615,9007199254740993]}}'


def test_an_image_is_drawn_to_the_models_size(serve: Serve, tab: browser.Page, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(png(8, 4, (255, 0, 51)))
    with listening(serve(bundles.same("FP32", (-1, 3, 2, 2)), events=HTTP)) as url:
        tab.open(f"{url}/docs")
        tab.upload("#input-in", tmp_path / "red.png")
        tab.wait("document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data[0] === 255")
        (image,) = json.loads(predict(tab)["answer"])["outputs"]["out"]
    assert image == [[[1, 1], [1, 1]], [[0, 0], [0, 0]], [[pytest.approx(0.2)] * 2] * 2]


def test_with_a_preprocess_a_file_is_sent_as_it_is(serve: Serve, tab: browser.Page, tmp_path: Path) -> None:
    handler = """
import numpy as np

def preprocess(request):
    return {"x": np.array([[len(request.data), request.content_type == "image/png"]], np.float32)}
"""
    image = tmp_path / "red.png"
    image.write_bytes(png(2, 2, (255, 0, 0)))
    with listening(serve(events=HTTP, handler=handler)) as url:
        tab.open(f"{url}/docs")
        tab.upload("#file", image)
        answer = predict(tab)["answer"]
    assert re.sub(r"\s", "", answer) == f'{{"outputs":{{"y":[[{2 * image.stat().st_size},2]]}}}}'


@pytest.mark.parametrize("width", [320, 1200])
def test_nothing_is_wider_than_the_screen(serve: Serve, tab: browser.Page, width: int) -> None:
    with listening(serve(bundles.same("FP32", (-1, 64)), events=HTTP)) as url:
        tab.size(width, 800)
        tab.open(f"{url}/docs")
        predict(tab)
        tab.run("document.querySelector('details').open = true")
        assert tab.run("document.documentElement.scrollWidth") <= width


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """Encode an image of one colour: https://www.w3.org/TR/png-3/#11Chunks."""
    lines = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
