"""How many pictures are decoded at once, which is what a flood of hostile ones can cost.

    search | write -> turn (wait, at most so long) -> decode -> preprocess -> next in line

A decode cannot be broken off, but the limits on a picture bound it: about a second and 235 MB for
the worst (`core.image`). So at most `at_once` times that much memory is in use, however many
threads there are, and a caller is kept waiting for a bounded time.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from service.core.errors import OverloadedError


class Decoding:
    """Turns at decoding; safe to call from any number of threads."""

    def __init__(self, at_once: int | None = None, *, wait_seconds: float = 10.0) -> None:
        """Let nobody in yet.

        Args:
            at_once: Pictures decoded side by side; one a core by default, since more gain nothing.
            wait_seconds: How long a caller waits for a turn.
        """
        self._turns = BoundedSemaphore(at_once or os.cpu_count() or 1)
        self._wait_seconds = wait_seconds

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
            raise OverloadedError(
                "too many pictures are waiting to be decoded; try again in a moment"
            )
        try:
            yield
        finally:
            self._turns.release()
