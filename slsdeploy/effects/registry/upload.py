"""One blob into a repository: mounted from a neighbour, in chunks that are resumed where they were cut, or whole.

Small blobs go whole, and all of them to registries that do not do chunks: ECR loses every chunk but the first
(https://github.com/aws/containers-roadmap/issues/2831). A registry that does not take a chunk, or not all of it, gets the blob whole.
A registry may have dropped an upload whose connection was cut (Docker's own does, in the middle of a chunk): it is begun again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from slsdeploy import oci
from slsdeploy.effects.registry import unfinished
from slsdeploy.effects.registry.calls import Calls
from slsdeploy.effects.registry.credentials import ECR
from slsdeploy.effects.registry.progress import Meter
from slsdeploy.effects.registry.session import Damaged, Gone, NoChunks, Place, Session
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.effects.registry.source import Source
from slsdeploy.effects.registry.trouble import Stopped, Trouble
from slsdeploy.errors import SlsdeployError, ToolError

_BLOCK = 128 * 1024


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
        self.place = Place(self.calls, self.to, self.blob, self.stop, self.settings.finish)
        self._digest, self._size = self.blob.descriptor.digest, self.blob.descriptor.size
        self._whole = bool(ECR.fullmatch(self.to.host)) or self._size <= self.settings.chunk
        self._patience = self.calls.patience(self.stop)
        self._losses = 0
        self._damages = 0

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
            session = self._resumed() or self.place.begin()
            self.is_mounted = session is None
            if session:
                self._send_whole(session) if self._whole else self._send_chunks(session)
            return True
        except NoChunks:
            self._whole = True
        except Gone:
            self._begin_again()
        except Damaged:  # on its way, or by what another run has sent
            self._damages += 1
            if self._damages > 1:
                raise self._damaged() from None
        except Trouble as trouble:
            self._patience.wait(trouble)
            return self.place.is_there()
        unfinished.forget(self.to, self._digest)
        return False

    def _begin_again(self) -> None:
        """Wait a little, but not for ever: between two losses something may have been won, which says nothing."""
        message = f"{self.to.host} loses uploads: it does not go on with the layer {self.blob.name}"
        hint = "run the command again; when it stays so, look at the registry's log, and at the connection to it"
        error = ToolError(message, hint, str(self.to))
        self._losses += 1
        if self._losses >= self.settings.attempts:
            raise error
        self._patience.wait(Trouble(error))

    def _damaged(self) -> SlsdeployError:
        message = f"the layer {self.blob.name} arrives damaged at {self.to.host}: its digest does not match there"
        return ToolError(message, "run the command again; look at the proxies between here and there", str(self.to))

    def _resumed(self) -> Session | None:
        """Return the upload that an earlier run began, if the registry still has it."""
        url = "" if self._whole else unfinished.recall(self.to, self._digest)
        if not url:
            return None
        session = Session(self.place, url)
        try:
            session.ask()
        except (Gone, SlsdeployError):  # whatever became of it: a new one says what is wrong
            unfinished.forget(self.to, self._digest)
            return None
        self.meter.reach(session.offset)
        return session

    def _send_chunks(self, session: Session) -> None:
        size = max(self.settings.chunk, session.smallest)
        if size > self.settings.largest_chunk:
            raise NoChunks
        with closing(Source(self.blob, session.offset, self.calls, self.stop)) as source:
            while session.offset < self._size:
                if self.stop.is_set():
                    raise Stopped
                self._deliver(session, source.read(min(size, self._size - session.offset)))
        self._finish(session)

    def _deliver(self, session: Session, chunk: bytes) -> None:
        """Send a chunk, the rest of it where the connection was cut, until the registry has it."""
        start, end = session.offset, session.offset + len(chunk)
        while session.offset < end:
            before = session.offset
            rest = memoryview(chunk)[before - start :]
            try:
                session.patch(len(rest), _Body(lambda rest=rest: _cut_up(rest), before, self.meter))  # type: ignore[misc]
                if session.offset == before:
                    raise NoChunks
            except Trouble as trouble:
                self._patience.wait(trouble)
                session.ask()
            if not start <= session.offset <= end:
                raise Gone
            unfinished.remember(self.to, self._digest, session.url)
            self.meter.reach(session.offset)
        self._patience.progressed()

    def _finish(self, session: Session) -> None:
        """Say that all of it has been sent."""
        while True:
            try:
                return session.complete(0, b"")
            except Trouble as trouble:
                self._patience.wait(trouble)
            if self.place.is_there():
                return None
            session.ask()
            if session.offset != self._size:
                raise Gone

    def _send_whole(self, session: Session) -> None:
        def blocks() -> Iterator[memoryview]:
            with closing(Source(self.blob, 0, self.calls, self.stop)) as source:
                for start in range(0, self._size, _BLOCK):
                    if self.stop.is_set():
                        raise Stopped
                    yield memoryview(source.read(min(_BLOCK, self._size - start)))

        session.complete(self._size, _Body(blocks, 0, self.meter) if self._size else b"")


class _Body:
    """A request's body, block by block; may be sent again. The last block counts as arrived when the registry says so."""

    def __init__(self, blocks: Callable[[], Iterator[memoryview]], start: int, meter: Meter) -> None:
        self._blocks = blocks
        self._start = start
        self._meter = meter

    def __iter__(self) -> Iterator[bytes]:
        position = self._start
        for block in self._blocks():
            self._meter.reach(position)
            self._meter.sending(len(block))
            yield block  # type: ignore[misc]  # a buffer is as good to a socket
            position += len(block)


def _cut_up(content: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(content), _BLOCK):
        yield content[start : start + _BLOCK]
