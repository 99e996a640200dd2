"""Who is told while a model is fetched: the function's telemetry, or nobody."""

from __future__ import annotations

from typing import Any, Protocol


class Watch(Protocol):
    """`note` is told what happens, `warning` what went wrong and is mended, `downloaded` how long a download took."""

    def note(self, message: str, **facts: Any) -> None: ...

    def warning(self, message: str, **facts: Any) -> None: ...

    def downloaded(self, seconds: float) -> None: ...


class Silent:
    """Tells nobody."""

    def note(self, message: str, **facts: Any) -> None: ...

    def warning(self, message: str, **facts: Any) -> None: ...

    def downloaded(self, seconds: float) -> None: ...
