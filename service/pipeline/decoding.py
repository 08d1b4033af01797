"""How many pictures are decoded at once, which is what a flood of hostile ones can cost.

    search | write -> turn (wait, at most so long) -> decode -> preprocess -> next in line

A decode cannot be broken off, but the limits on a picture bound it: about a second and 235 MB for
the worst (`core.image`). So at most `at_once` times that much memory is in use, however many
threads there are, and a caller is kept waiting for a bounded time.
"""

from service.core.cores import core_count
from service.pipeline.turns import Turns


class Decoding(Turns):
    """Turns at decoding."""

    def __init__(self, at_once: int | None = None, *, wait_seconds: float = 10.0) -> None:
        """Let nobody in yet.

        Args:
            at_once: Pictures decoded side by side; one a core by default, since more gain nothing.
            wait_seconds: How long a caller waits for a turn.
        """
        turns = at_once or core_count()
        waiting = "pictures are waiting to be decoded"
        super().__init__(turns, wait_seconds=wait_seconds, waiting=waiting)
