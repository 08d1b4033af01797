"""How many pictures are fetched for callers at once: each may hold a thread until it times out.

search | write -> time left for its pictures? -> turn (wait, briefly) -> fetcher -> bytes
"""

import time
from collections.abc import Callable
from threading import Lock

from service.core.errors import FetchError
from service.core.types import Download, ImageFetcher, Validators
from service.pipeline.turns import Turns

TOGETHER_SECONDS = 10.0
"""That the pictures of one request may take to be fetched, all of them."""


class Fetching:
    """Satisfies `ImageFetcher` by another, a few downloads at a time."""

    def __init__(self, fetcher: ImageFetcher, at_once: int, *, wait_seconds: float = 1.0) -> None:
        """Fetch nothing yet.

        Args:
            fetcher: What downloads; its owner closes it.
            at_once: Downloads side by side.
            wait_seconds: How long a caller waits for a turn.
        """
        self._fetcher = fetcher
        self._turns = Turns(
            at_once, wait_seconds=wait_seconds, waiting="pictures are being fetched"
        )

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        """Download when a turn comes up.

        Raises:
            FetchError: It cannot be had.
            OverloadedError: No turn came up in time.
        """
        with self._turns.turn():
            return self._fetcher.fetch(url, known)


class Together:
    """Satisfies `ImageFetcher` for one request: what its pictures take counts together.

    A request of many slow URLs would else hold its thread for as long as each of them may take,
    one after the other. The time begins with the first; what is under way at its end goes on.
    """

    def __init__(
        self,
        fetcher: ImageFetcher,
        seconds: float = TOGETHER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetch nothing yet; `seconds` are those that all of them have."""
        self._fetcher = fetcher
        self._seconds = seconds
        self._clock = clock
        self._beginning = Lock()
        self._ends: float | None = None

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        """Download, unless the time is over.

        Raises:
            FetchError: It cannot be had, or not in time.
            OverloadedError: No turn came up in time.
        """
        now = self._clock()
        with self._beginning:
            begun = self._ends is not None
            self._ends = self._ends or now + self._seconds
        if begun and now >= self._ends:
            raise FetchError(
                f"not begun: the pictures of one request are fetched for {self._seconds:g} s, and "
                "those before it took that; send it alone, or its bytes"
            )
        return self._fetcher.fetch(url, known)
