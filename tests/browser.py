"""A real headless Chromium, driven over the DevTools protocol: open a page, run script in it, give a file to an input, take a picture.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp

# its own process, its own profile, and nobody called over the network but who is asked for
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
SECONDS = 60.0


def find() -> str | None:
    """Return the program of an installed Chromium; SLSDEPLOY_CHROMIUM names another."""
    named = os.environ.get("SLSDEPLOY_CHROMIUM", "")
    names = (named, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: Any) -> None:
        self._loop = loop
        self._socket = socket
        self._count = 0

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Send one command of the protocol; return its result."""
        return self._loop.run_until_complete(asyncio.wait_for(self._call(method, given), SECONDS))

    async def _call(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": given})
        while True:
            said = await self._socket.receive_json()
            if said.get("id") == self._count:
                assert "error" not in said, said["error"]
                return dict(said["result"])

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Return what an expression is, awaited."""
        said = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true; return it."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if found := self.run(script):
                return found
            time.sleep(0.05)
        raise TimeoutError(f"{script} did not come true in {SECONDS:.0f} s")

    def upload(self, selector: str, file: Path) -> None:
        """Choose a file, as a user does in the dialogue."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def size(self, width: int, height: int, scheme: str = "light") -> None:
        """Be a screen of this many pixels, in the light or the dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, file: Path) -> None:
        """Write what is seen as PNG."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


@contextmanager
def browsing(program: str, profile: Path) -> Iterator[Page]:
    """Start the browser with an empty profile; end it with the block."""
    argv = [program, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    loop = asyncio.new_event_loop()
    try:
        socket = loop.run_until_complete(_connect(_tab(profile, process)))
        try:
            yield Page(loop, socket)
        finally:
            loop.run_until_complete(socket.end())
    finally:
        loop.close()
        process.terminate()
        process.wait(20)


def _tab(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address of the first tab, once the browser has said at which port it is."""
    told, until = profile / "DevToolsActivePort", time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        if told.is_file() and (lines := told.read_text().splitlines()):
            with urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=10) as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise TimeoutError(f"the browser does not listen (it ended with {process.poll()})")


class _Socket:
    """A web socket and the session that it belongs to."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self.send_json, self.receive_json = socket.send_json, socket.receive_json
        self._socket = socket

    async def end(self) -> None:
        await self._socket.close()
        await self._session.close()


async def _connect(url: str) -> _Socket:
    session = aiohttp.ClientSession()
    return _Socket(session, await session.ws_connect(url, max_msg_size=0))
