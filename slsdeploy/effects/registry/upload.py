"""One blob into a repository: mounted from a neighbour, in chunks that are resumed where they were cut, or whole.

Small blobs go whole, and all of them to registries that do not do chunks: ECR loses every chunk but the first
(https://github.com/aws/containers-roadmap/issues/2831). A registry that does not take a chunk, or not all of it, gets the blob whole.
A registry may have dropped an upload whose connection was cut (Docker's own does, in the middle of a chunk): it is begun again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlencode

from slsdeploy import oci
from slsdeploy.effects.registry import unfinished
from slsdeploy.effects.registry.calls import Calls, Request, pull_scope, push_scope
from slsdeploy.effects.registry.credentials import ECR
from slsdeploy.effects.registry.http import Answer, base, joined
from slsdeploy.effects.registry.progress import Meter
from slsdeploy.effects.registry.refusal import refusal
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.effects.registry.source import Source
from slsdeploy.effects.registry.trouble import Stopped, Trouble
from slsdeploy.errors import SlsdeployError, ToolError

_BLOCK = 128 * 1024
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_OCTETS = {"Content-Type": "application/octet-stream"}
# what says "not like this" to a chunk, rather than "not you" or "not now"
_NO_CHUNKS = frozenset({400, 405, 411, 413, 415, 416, 501})
_DIGEST = frozenset({"DIGEST_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID"})


class _Gone(Exception):
    """The registry does not know the upload any more, or has something else of it than we sent."""


class _NoChunks(Exception):
    """The registry wants the blob whole."""


@dataclass
class _Session:
    """An upload that was begun: where it goes on, how much the registry has."""

    url: str
    offset: int = 0
    smallest: int = 0


@dataclass
class Upload:
    """A blob on its way to a repository."""

    calls: Calls
    blob: oci.Blob
    to: oci.Reference
    meter: Meter
    settings: Settings
    stop: threading.Event
    is_mounted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._digest = self.blob.descriptor.digest
        self._size = self.blob.descriptor.size
        self._whole = bool(ECR.fullmatch(self.to.host)) or self._size <= self.settings.chunk
        self._patience = self.calls.patience(self.stop)
        self._lost = 0
        self._was_damaged = False

    def run(self) -> None:
        """Bring the blob there. Raises an error that says why it cannot be, Stopped when it need not be any more."""
        while not self._attempt():
            if self.stop.is_set():
                raise Stopped
        unfinished.forget(self.to, self._digest)
        self.meter.reach(self._size)

    def _attempt(self) -> bool:
        """Say whether the blob is there."""
        try:
            session = self._resumed() or self._begun()
            if session:
                self._send_whole(session) if self._whole else self._send_chunks(session)
            return True
        except _NoChunks:
            self._whole = True
        except _Gone:
            self._give_up_on_upload()
        except Trouble as trouble:
            self._patience.wait(trouble)
            return self.is_there()
        unfinished.forget(self.to, self._digest)
        return False

    def _give_up_on_upload(self) -> None:
        """Begin again, but not for ever: each time something may have been won."""
        message = f"{self.to.host} loses uploads: it does not go on with the layer {self.blob.name}"
        hint = "run the command again; when it stays so, look at the registry's log, and at the connection to it"
        error = ToolError(message, hint, str(self.to))
        self._lost += 1
        if self._lost >= self.settings.attempts:
            raise error
        self._patience.wait(Trouble(error))

    def is_there(self) -> bool:
        """Say whether the repository has the blob."""
        url = f"{base(self.to.host)}{self.to.repository}/blobs/{self._digest}"
        answer = self._patiently(Request("HEAD", self.to.host, url, push_scope(self.to.repository)))
        answer.drain()
        if answer.status not in (200, 404):
            raise self._refused(answer)
        return answer.status == 200

    def _resumed(self) -> _Session | None:
        """Return the upload that an earlier run began, if the registry still has it."""
        url = "" if self._whole else unfinished.recall(self.to, self._digest)
        if not url:
            return None
        try:
            session = _Session(url)
            session.offset = self._ask(session)
        except (_Gone, SlsdeployError):  # whatever became of it: a new one says what is wrong
            unfinished.forget(self.to, self._digest)
            return None
        self.meter.reach(session.offset)
        return session

    def _begun(self) -> _Session | None:
        """Begin an upload; None when the blob could be mounted."""
        uploads = f"{base(self.to.host)}{self.to.repository}/blobs/uploads/"
        answer = self._mount(uploads)
        if answer is None:
            answer = self._patiently(Request("POST", self.to.host, uploads, push_scope(self.to.repository), body=b""))
        if answer.status == 201:
            answer.drain()
            self.is_mounted = True
            return None
        if answer.status != 202 or not answer.header("Location"):
            raise self._refused(answer)
        answer.drain()
        smallest = answer.header("OCI-Chunk-Min-Length")
        url = joined(uploads, answer.header("Location"))
        return _Session(url, smallest=int(smallest) if smallest.isdecimal() else 0)

    def _mount(self, uploads: str) -> Answer | None:
        """Ask for a blob of a neighbour; the answer begins an upload where that cannot be. None when there is no neighbour, or no right."""
        source = self.blob.source
        if not isinstance(source, oci.Reference) or source.host != self.to.host:
            return None
        query = urlencode({"mount": self._digest, "from": source.repository})
        scope = push_scope(self.to.repository) + pull_scope(source.repository)
        try:
            answer = self._patiently(Request("POST", self.to.host, f"{uploads}?{query}", scope, body=b""))
        except SlsdeployError:  # who may write here, but may not read there all at once
            return None
        if answer.status in (201, 202):
            return answer
        answer.drain()
        return None

    def _send_chunks(self, session: _Session) -> None:
        size = max(self.settings.chunk, session.smallest)
        if size > self.settings.largest_chunk:
            raise _NoChunks
        with closing(Source(self.blob, session.offset, self.calls, self.stop)) as source:
            while session.offset < self._size:
                if self.stop.is_set():
                    raise Stopped
                start = session.offset
                self._deliver(session, source.read(min(size, self._size - start)), start)
        self._finish(session)

    def _deliver(self, session: _Session, chunk: bytes, start: int) -> None:
        """Send a chunk, the rest of it where the connection was cut, until the registry has it."""
        end = start + len(chunk)
        while session.offset < end:
            before = session.offset
            try:
                session.offset = self._patch(session, chunk[before - start :])
            except Trouble as trouble:
                self._patience.wait(trouble)
                session.offset = self._ask(session)
            else:
                if session.offset == before:
                    raise _NoChunks
            if not start <= session.offset <= end:
                raise _Gone
            unfinished.remember(self.to, self._digest, session.url)
            self.meter.reach(session.offset)
        self._patience.progressed()

    def _patch(self, session: _Session, content: bytes) -> int:
        """Send a chunk; return how much of the blob the registry has then."""
        start, end = session.offset, session.offset + len(content)
        headers = {**_OCTETS, "Content-Length": str(len(content)), "Content-Range": f"{start}-{end - 1}"}
        body = _Body(lambda: _cut_up(content), start, self.meter)
        answer = self.calls.send(self._request("PATCH", session.url, headers, body))
        if answer.status in (404, 410):
            answer.drain()
            raise _Gone
        if answer.status in _NO_CHUNKS:
            answer.drain()
            if start and answer.status == 416:
                return self._ask(session)
            raise _Gone if start else _NoChunks
        if answer.status not in (200, 201, 202, 204):
            raise self._refused(answer)
        answer.drain()
        session.url = joined(session.url, answer.header("Location"))
        found = _RANGE.fullmatch(answer.header("Range"))
        return int(found[1]) + 1 if found else end

    def _ask(self, session: _Session) -> int:
        """Return how much the registry has of an upload."""
        answer = self._patiently(self._request("GET", session.url, {}))
        answer.drain()
        found = _RANGE.fullmatch(answer.header("Range"))
        # "0-0" is one byte, or none: https://github.com/opencontainers/distribution-spec/issues/366
        if answer.status not in (200, 202, 204) or not found or found[1] == "0":
            raise _Gone
        session.url = joined(session.url, answer.header("Location"))
        return int(found[1]) + 1

    def _finish(self, session: _Session) -> None:
        """Say that all of it has been sent."""
        while True:
            request = self._request("PUT", self._completing(session.url), {**_OCTETS, "Content-Length": "0"}, b"")
            try:
                return self._completed(self.calls.send(request))
            except Trouble as trouble:
                self._patience.wait(trouble)
                if self.is_there():
                    return None
                if self._ask(session) != self._size:
                    raise _Gone from trouble

    def _send_whole(self, session: _Session) -> None:
        def blocks() -> Iterator[bytes]:
            with closing(Source(self.blob, 0, self.calls, self.stop)) as source:
                for start in range(0, self._size, _BLOCK):
                    if self.stop.is_set():
                        raise Stopped
                    yield source.read(min(_BLOCK, self._size - start))

        headers = {**_OCTETS, "Content-Length": str(self._size)}
        body = _Body(blocks, 0, self.meter) if self._size else b""
        self._completed(self.calls.send(self._request("PUT", self._completing(session.url), headers, body)))

    def _completing(self, url: str) -> str:
        return f"{url}{'&' if '?' in url else '?'}{urlencode({'digest': self._digest})}"

    def _completed(self, answer: Answer) -> None:
        """Look at what the registry says of the blob."""
        if answer.status in (200, 201, 204):
            answer.drain()
            return
        if answer.status in (404, 410):
            answer.drain()
            raise _Gone
        if answer.status != 400:
            raise self._refused(answer)
        code, _ = answer.told()
        if code and code not in _DIGEST:
            raise self._refused(answer)
        if self._was_damaged:
            raise self._damaged()
        self._was_damaged = True  # on its way, or by what another run has sent
        raise _Gone

    def _damaged(self) -> SlsdeployError:
        message = f"the layer {self.blob.name} arrives damaged at {self.to.host}: its digest does not match there"
        return ToolError(message, "run the command again; look at the proxies between here and there", str(self.to))

    def _request(self, method: str, url: str, headers: dict[str, str], body: bytes | _Body | None = None) -> Request:
        silence = self.settings.finish if method == "PUT" else 0
        return Request(method, self.to.host, url, push_scope(self.to.repository), headers, body, silence)

    def _patiently(self, request: Request) -> Answer:
        return self.calls.patiently(lambda: self.calls.send(request), self.stop)

    def _refused(self, answer: Answer) -> SlsdeployError:
        return refusal(answer, self.to, f"push the layer {self.blob.name}", self.calls.auth)


class _Body:
    """A request's body, block by block; may be sent again. The last block counts as arrived when the registry says so."""

    def __init__(self, blocks: Callable[[], Iterator[bytes]], start: int, meter: Meter) -> None:
        self._blocks = blocks
        self._start = start
        self._meter = meter

    def __iter__(self) -> Iterator[bytes]:
        position = self._start
        for block in self._blocks():
            self._meter.reach(position)
            self._meter.sending(len(block))
            yield block
            position += len(block)


def _cut_up(content: bytes) -> Iterator[bytes]:
    view = memoryview(content)
    for start in range(0, len(view), _BLOCK):
        yield view[start : start + _BLOCK]  # type: ignore[misc]  # a buffer is as good to a socket
