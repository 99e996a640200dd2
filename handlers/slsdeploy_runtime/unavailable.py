"""Why a model cannot answer now, though it may later: a 503 over HTTP, raised elsewhere so that the event is tried again."""

from __future__ import annotations


class Unavailable(Exception):
    """A model cannot answer now. `reason` is "load" or "timeout", `retry_after` seconds from now it may.

    `public` is for callers: no path, nothing of the environment. `is_old` when an earlier request met the same failure.
    """

    reason = "load"

    def __init__(self, message: str, *, public: str = "", retry_after: float = 1.0, is_old: bool = False) -> None:
        super().__init__(message)
        self.public = public or message
        self.retry_after = retry_after
        self.is_old = is_old


class LoadFailed(Unavailable):
    """The model could not be loaded, of which the log says more; it is tried again after a while, not at each request."""


class StillLoading(Unavailable):
    """The model is being loaded, and this request has no more time to wait for it. The load goes on."""


class TooSlow(Unavailable):
    """The run took longer than the model may take, or an earlier one that did has not ended yet."""

    reason = "timeout"
