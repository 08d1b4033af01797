"""How many pictures are fetched for callers at once: each may hold a thread until it times out.

search | write -> turn (wait, briefly) -> fetcher -> bytes
"""

from service.core.types import Download, ImageFetcher, Validators
from service.pipeline.turns import Turns


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
