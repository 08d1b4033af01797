"""Turns at something of which a machine bears but so much at once.

caller -> turn (wait, at most so long) -> what is costly -> next in line
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from service.core.errors import OverloadedError
from service.pipeline.terms import PATIENT, Terms


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
    def turn(self, terms: Terms = PATIENT) -> Iterator[None]:
        """Hold a turn while the block runs, which it does not where it is of no use by then.

        Raises:
            OverloadedError: None came up in time.
            DeadlineExceededError: None came up in the time that the request has.
            AbandonedError: Nobody waits for it any more.
        """
        if not self._turns.acquire(timeout=min(self._wait_seconds, terms.seconds_left)):
            terms.check()
            raise OverloadedError(f"too many {self._waiting}; try again in a moment")
        try:
            terms.check()
            yield
        finally:
            self._turns.release()
