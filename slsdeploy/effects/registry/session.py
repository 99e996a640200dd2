"""An upload that a registry has begun for us: what may be asked of it, and what its answers mean.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from slsdeploy import oci
from slsdeploy.effects.registry.calls import Calls, Request, pull_scope, push_scope
from slsdeploy.effects.registry.http import Answer, base, joined
from slsdeploy.effects.registry.refusal import refusal
from slsdeploy.errors import SlsdeployError

_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_OCTETS = {"Content-Type": "application/octet-stream"}
_GONE = frozenset({404, 410})
# what says "not like this" to a chunk, rather than "not you" or "not now"
_NO_CHUNKS = frozenset({400, 405, 411, 413, 415, 501})
_DAMAGED = frozenset({"DIGEST_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID"})


class Gone(Exception):
    """The registry does not know the upload any more, or has something else of it than we sent."""


class Damaged(Exception):
    """What the registry has does not match the digest."""


class NoChunks(Exception):
    """The registry wants the blob whole."""


@dataclass(frozen=True, slots=True)
class Place:
    """A blob's place in a repository, and how it is asked about there; `silence` is how long a registry may look at a blob."""

    calls: Calls
    to: oci.Reference
    blob: oci.Blob
    stop: threading.Event
    silence: float

    def is_there(self) -> bool:
        """Say whether the repository has the blob."""
        answer = self.patiently("HEAD", f"{self._blobs}{self.blob.descriptor.digest}")
        answer.drain()
        if answer.status not in (200, 404):
            raise self.refused(answer)
        return answer.status == 200

    def begin(self) -> Session | None:
        """Begin an upload; None when the blob could be mounted from a neighbour instead."""
        answer = self._mount() or self.patiently("POST", f"{self._blobs}uploads/", body=b"")
        if answer.status == 201:
            answer.drain()
            return None
        if answer.status != 202 or not answer.header("Location"):
            raise self.refused(answer)
        answer.drain()
        smallest = answer.header("OCI-Chunk-Min-Length")
        url = joined(f"{self._blobs}uploads/", answer.header("Location"))
        return Session(self, url, smallest=int(smallest) if smallest.isdecimal() else 0)

    def _mount(self) -> Answer | None:
        """Ask for the blob of a neighbour: a registry that cannot do that begins an upload. None without a neighbour, or a right."""
        source = self.blob.source
        if not isinstance(source, oci.Reference) or source.host != self.to.host:
            return None
        query = urlencode({"mount": self.blob.descriptor.digest, "from": source.repository})
        scope = push_scope(self.to.repository) + pull_scope(source.repository)
        request = Request("POST", self.to.host, f"{self._blobs}uploads/?{query}", scope, body=b"")
        try:
            answer = self.calls.patiently(lambda: self.calls.send(request), self.stop)
        except SlsdeployError:  # who may write here, but not read there
            return None
        if answer.status in (201, 202):
            return answer
        answer.drain()
        return None

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """Send a request that writes, once."""
        silence = self.silence if method == "PUT" else 0
        scope = push_scope(self.to.repository)
        return self.calls.send(Request(method, self.to.host, url, scope, headers or {}, body, silence))

    def patiently(self, method: str, url: str, body: bytes | None = None) -> Answer:
        """Send a request that may be sent again."""
        return self.calls.patiently(lambda: self.send(method, url, body=body), self.stop)

    def refused(self, answer: Answer) -> SlsdeployError:
        """Return the error for an answer that was not expected."""
        return refusal(answer, self.to, f"push the layer {self.blob.name}", self.calls.auth)

    @property
    def _blobs(self) -> str:
        return f"{base(self.to.host)}{self.to.repository}/blobs/"


@dataclass
class Session:
    """An upload: where it goes on (each answer says that anew), how many bytes the registry has, the smallest chunk it takes."""

    place: Place
    url: str
    offset: int = field(default=0)
    smallest: int = 0

    def patch(self, length: int, body: Iterable[bytes]) -> None:
        """Send a chunk from the offset on; the offset is then what the registry has.

        Raises NoChunks when it does not want any, Gone when it does not know the upload.
        """
        start, end = self.offset, self.offset + length
        headers = {**_OCTETS, "Content-Length": str(length), "Content-Range": f"{start}-{end - 1}"}
        answer = self.place.send("PATCH", self.url, headers, body)
        if answer.status == 416 and start:  # it has more than we think
            answer.drain()
            return self.ask()
        if answer.status in _GONE or (answer.status in _NO_CHUNKS and start):
            answer.drain()
            raise Gone
        if answer.status in _NO_CHUNKS or answer.status == 416:
            answer.drain()
            raise NoChunks
        if answer.status not in (200, 201, 202, 204):
            raise self.place.refused(answer)
        self._moved(answer)
        found = _RANGE.fullmatch(answer.header("Range"))
        self.offset = int(found[1]) + 1 if found else end
        return None

    def ask(self) -> None:
        """Ask how much the registry has. Raises Gone when it does not know."""
        answer = self.place.patiently("GET", self.url)
        found = _RANGE.fullmatch(answer.header("Range"))
        # "0-0" is one byte, or, of Docker's registry, none: not worth to find out
        if answer.status not in (200, 202, 204) or not found or found[1] == "0":
            answer.drain()
            raise Gone
        self._moved(answer)
        self.offset = int(found[1]) + 1

    def complete(self, length: int, body: bytes | Iterable[bytes]) -> None:
        """Send the rest, or all of it; the registry compares the digest then.

        Raises Damaged when that does not match, Gone when it does not know the upload.
        """
        digest = urlencode({"digest": self.place.blob.descriptor.digest})
        url = f"{self.url}{'&' if '?' in self.url else '?'}{digest}"
        answer = self.place.send("PUT", url, {**_OCTETS, "Content-Length": str(length)}, body)
        if answer.status in _GONE or answer.status == 416:
            answer.drain()
            raise Gone
        if answer.status == 400 and answer.told()[0] in _DAMAGED:
            raise Damaged
        if answer.status not in (200, 201, 204):
            raise self.place.refused(answer)
        answer.drain()

    def _moved(self, answer: Answer) -> None:
        answer.drain()
        self.url = joined(self.url, answer.header("Location"))
