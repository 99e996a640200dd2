"""Debian's `docker-registry`, the reference implementation, on a free port of loopback, ended by its process id."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = shutil.which("docker-registry")
SKOPEO = shutil.which("skopeo")
needs_registry = pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
needs_skopeo = pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed")
# user "iris", password "secret": `htpasswd -nbB iris secret`
HTPASSWD = "iris:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"


class DockerRegistry:
    """A registry that can be killed and started again over the same files."""

    def __init__(self, folder: Path, htpasswd: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        self.folder = folder
        auth = ""
        if htpasswd:
            (folder / "htpasswd").write_text(htpasswd + "\n")
            auth = f"auth: {{htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}}}\n"
        (folder / "config.yml").write_text(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
            f'http: {{addr: "{self.host}", secret: of-this-test}}\n{auth}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM
        with (self.folder / "log").open("ab") as log:
            argv = [PROGRAM, "serve", str(self.folder / "config.yml")]
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5).close()
                return
            except urllib.error.HTTPError as refused:  # 401 is an answer
                refused.close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError((self.folder / "log").read_text())

    def kill(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None


@contextmanager
def docker_registry(folder: Path, htpasswd: str = "") -> Iterator[DockerRegistry]:
    """Run a registry while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    made = DockerRegistry(folder, htpasswd)
    try:
        made.start()
        yield made
    finally:
        made.kill()


def skopeo(*words: str) -> str:
    """Run skopeo; return what it printed."""
    assert SKOPEO
    done = subprocess.run([SKOPEO, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
