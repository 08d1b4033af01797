"""Turns at something of which a machine bears but so much at once.

caller -> turn (wait, at most so long) -> what is costly -> next in line
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from service.core.errors import OverloadedError


class Turns:
    """Lets a few in; safe to call from any number of threads."""

    def __init__(self, at_once: int, *, wait_seconds: float, waiting: str) -> None:
        """Let nobody in yet.

        Args:
            at_once: Callers inside together.
            wait_seconds: How long one waits for a turn.
            waiting: Who waits for what, as a refusal says it.
        """
        self._turns = BoundedSemaphore(at_once)
        self._wait_seconds = wait_seconds
        self._waiting = waiting

    @contextmanager
    def turn(self, deadline: float | None = None) -> Iterator[None]:
        """Hold a turn while the block runs.

        Args:
            deadline: On the clock of `time.monotonic`, where the request has one that is nearer.

        Raises:
            OverloadedError: None came up in time.
        """
        wait = self._wait_seconds
        if deadline is not None:
            wait = min(wait, max(0.0, deadline - time.monotonic()))
        if not self._turns.acquire(timeout=wait):
            raise OverloadedError(f"too many {self._waiting}; try again in a moment")
        try:
            yield
        finally:
            self._turns.release()
