"""A circuit breaker: what failed is left alone for a while, then tried by one caller alone.

    closed -> a failure -> open, for a rest -> half open: one probe -> closed | open for a rest

So a dead server costs one caller a time-out a rest, and one that comes back is not met by everyone
at once before it is known to work.
"""

import time
from collections.abc import Callable
from threading import Lock

from service.core.caching import BreakerState


class Breaker:
    """Says who may ask; safe to use from several threads."""

    def __init__(self, rest_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Begin closed; `now` tells seconds."""
        self._rest_seconds = rest_seconds
        self._now = now
        self._lock = Lock()
        self._until: float | None = None  # when the rest, or that of a probe, is over
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """What it lets through: everyone, one, nobody."""
        until = self._until
        if until is None:
            return "closed"
        return "open" if self._now() < until else "half_open"

    def allows(self) -> bool:
        """Say whether to ask; of several who come after a rest one may, and tells what came of it.

        One that never tells is waited for no longer than a rest.
        """
        if self._until is None:
            return True
        with self._lock:
            if self.state != "half_open":
                return self._until is None
            self._until, self._probing = self._now() + self._rest_seconds, True
            return True

    def succeeded(self) -> None:
        """Let everyone ask, if that was the probe; others may have asked before the failure."""
        if self._until is not None:
            with self._lock:
                if self._probing:
                    self._until, self._probing = None, False

    def failed(self) -> None:
        """Leave it alone for a rest from now."""
        with self._lock:
            self._until, self._probing = self._now() + self._rest_seconds, False
