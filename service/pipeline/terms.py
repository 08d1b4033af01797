"""On what terms a request is worked on; they travel with it from the route to the encoder.

    route -> Terms -> Search.answers -> Embedder.embed -> Looking.look -> decoding, Batcher.see

Whoever is about to do something costly asks first whether anybody still waits for it.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from threading import Event
from typing import Any, Literal

from service.core.errors import AbandonedError, DeadlineExceededError, VitrineError
from service.core.tiers import Wanted

Urgency = Literal["interactive", "bulk"]
"""Somebody looks at a screen, or a queue of work is worked off; the second gives way."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a caller wants, and how long it waits.

    Attributes:
        tier: Which of the encoder's tiers is wanted.
        deadline: On the clock of `time.monotonic`; after it the answer is of no use.
        gone: Set once nobody waits any more, such as when a client has hung up.
        urgency: Who goes first where not all can.
    """

    tier: Wanted = "auto"
    deadline: float = math.inf
    gone: Event | None = None
    urgency: Urgency = "interactive"

    @property
    def cancelled(self) -> bool:
        """Whether the work is of no use any more; cheap enough to ask before every step."""
        return (self.gone is not None and self.gone.is_set()) or self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        """Until the deadline, infinite without one; none are left, not fewer, once it passed."""
        if self.deadline == math.inf:
            return math.inf
        return max(0.0, self.deadline - time.monotonic())

    @property
    def timeout(self) -> float | None:
        """The same, as what waits takes it: None for as long as it takes."""
        left = self.seconds_left
        return None if left == math.inf else left

    async def wait_for(self, future: "asyncio.Future[Any]") -> None:
        """Return once it is done; whoever gives up gives up alone, since it goes on.

        Raises:
            DeadlineExceededError: It took too long.
            AbandonedError: Nobody waits any more.
        """
        while not future.done():  # uvloop counts in whole milliseconds, and may wake up early
            await asyncio.wait([future], timeout=self.timeout)
            self.check()

    def check(self) -> None:
        """Raise what `failure` returns, if anything."""
        if failure := self.failure():
            raise failure

    def failure(self) -> VitrineError | None:
        """Return why the work is of no use: AbandonedError, DeadlineExceededError, or None."""
        if self.gone is not None and self.gone.is_set():
            return AbandonedError("nobody waits for this any more")
        if self.seconds_left <= 0:
            return DeadlineExceededError(
                "it was not done in the time that `X-Timeout-Ms` leaves: allow more, or have a "
                "search ask for `tier: fast`"
            )
        return None


PATIENT = Terms()
"""Whoever waits for as long as it takes, and takes whichever tier suits the moment."""
EXACT = Terms(tier="best")
"""Likewise, with vectors as the catalogue's are."""
BULK = Terms(tier="best", urgency="bulk")
"""Pictures of products that come by the many."""
