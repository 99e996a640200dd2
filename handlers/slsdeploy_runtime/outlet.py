"""Answers -> sent on in as few calls as the output takes, so that within a group none overtakes another that failed.

Where they go is an output's `Way` (outputs/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from slsdeploy_runtime.json_text import to_json

Failures = dict[str, Exception]  # by the record's id
Sent = Callable[[Iterable[str]], None]  # is told of records whose answers were sent


class AfterFailure(Exception):
    """Not answered, so that its group keeps its order: an earlier record of the group failed."""


class TooLarge(Exception):
    """An answer has more bytes than its output takes."""


class Outgoing(NamedTuple):
    """An answer on its way: the id of the record that it answers, the group within which it must not be overtaken, and its text.

    `about` is what identifies the input, `source` the kind of trigger.
    """

    id: str
    group: str
    body: bytes
    about: Mapping[str, Any] = {}
    source: str = ""


class Way(Protocol):
    """An output that takes so many answers, and so many bytes of them, in one call; `largest` is what one answer may have."""

    @property
    def entries(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    @property
    def largest(self) -> int: ...

    @property
    def is_ordered(self) -> bool:
        """Say whether it matters to readers which answer of a group comes first."""
        ...

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Make one call; return the answers that were not taken. Whatever is raised is the failure of all of them."""
        ...


class Outlet(NamedTuple):
    """Where answers go: a way, or nowhere (None). `prefix` and `source` tell them from those of the project's other triggers."""

    way: Way | None
    service: Any
    prefix: str = ""
    source: str = ""

    def outgoing(self, id: str, group: str, answer: Any, about: Mapping[str, Any]) -> Outgoing:
        """Return an answer, and what identifies its input beside it, as it is sent."""
        about = {"source": self.source, **about} if self.prefix else about
        if about:
            answer = {**(answer if isinstance(answer, dict) else {"result": answer}), **about}
        return Outgoing(id, group, to_json(answer), about, self.source)

    def send(self, answers: Sequence[Outgoing], sent: Sent | None = None) -> Failures:
        """Send answers until one of a group fails; return those that could not be sent, and those that wait for them."""
        way = self.way
        if way is None:
            return {}
        failures: Failures = {}
        stopped: set[str] = set()
        for portion in _portions(answers, way):
            failures |= {each.id: waits(each.group) for each in portion if each.group in stopped}
            failures |= self._post(way, [each for each in portion if each.group not in stopped])
            stopped |= {each.group for each in portion if each.id in failures}
            if sent is not None:
                sent(each.id for each in portion if each.id not in failures)
        return failures

    def _post(self, way: Way, answers: Sequence[Outgoing]) -> Failures:
        ids = {self.prefix + each.id: each.id for each in answers}
        failures: Failures = {}
        ready: list[Outgoing] = []
        for each in answers:
            try:
                ready.append(self._fitting(way, each)._replace(id=self.prefix + each.id))
            except Exception as error:
                failures[each.id] = error
        if not ready:
            return failures
        try:
            return failures | {ids[sent]: error for sent, error in way.post(ready).items()}
        except Exception as error:
            return failures | {ids[each.id]: error for each in ready}

    def _fitting(self, way: Way, answer: Outgoing) -> Outgoing:
        """Return an answer as the output takes it: one that is too large as a pointer to where it is. Raises TooLarge, NotKept."""
        if len(answer.body) <= way.largest:
            return answer
        from slsdeploy_runtime import large

        pointer = large.pointer(self.service, answer.body, {**answer.about, "id": self.prefix + answer.id})
        if pointer is None:
            raise TooLarge(f"the answer has {len(answer.body)} bytes, the output takes {way.largest}: {large.REFUSED}")
        return answer._replace(body=pointer)


def waits(group: str) -> AfterFailure:
    """Return why a record is not answered although nothing is wrong with it."""
    return AfterFailure(f"{group!r} waits for an earlier record")


def _portions(answers: Sequence[Outgoing], way: Way) -> Iterator[list[Outgoing]]:
    """Divide answers into what one call takes; where order counts one of each group: of two, the later might be taken alone."""
    portion: list[Outgoing] = []
    size = 0
    for each in answers:
        bytes = min(len(each.body), way.largest)  # what is larger goes as a pointer
        is_full = len(portion) == way.entries or size + bytes > way.bytes
        if portion and (is_full or (way.is_ordered and any(each.group == other.group for other in portion))):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += bytes
    if portion:
        yield portion
