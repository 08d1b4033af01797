"""How much is under way, how fast it comes to an end, and so how long one more would wait.

    request admitted -> Ticket (its body is read) -> at work (decoded, encoded, searched) -> ended
    wait = what is before it / what ended in a second, as far as there was work

The rate is measured where there is work to do, so that a quiet hour does not look like a slow one.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from threading import Lock

_MEMORY_SECONDS = 1.0
_MEMORY_ENDS, _MEMORY_MOST_ENDS = 8, 500
"""Of work, but so many requests at least and at most, over which the rate is measured; what is
older fades."""
_SLOW_SECONDS = 1.0
"""A caller who sends nothing for longer brings no work soon, and may never end its request."""


class Ticket:
    """A request that was admitted."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._worked = False

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count as work while the block runs: everything needed for it is there."""
        self._worked = True
        self._load.begin(self)
        try:
            yield
        finally:
            self._load.end()

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Wait for its caller while the block runs, who may be slow."""
        self._load.wait_for(self)
        try:
            yield
        finally:
            self._load.go_on_with(self)

    def close(self) -> None:
        """Count no longer, whatever became of it; `Load.admit` gave it."""
        self._load.close(self, ended=not self._worked)

    @property
    def wait_seconds(self) -> float:
        """How long one more request would wait."""
        return self._load.wait_seconds


class Load:
    """Requests of one kind; safe to call from several threads."""

    def __init__(self, few: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any.

        Args:
            few: As many are no queue, however long they take: such as wait for someone else.
            clock: Seconds.
        """
        self._few = few
        self._clock = clock
        self._lock = Lock()
        self._expected: set[Ticket] = set()
        self._receiving: dict[Ticket, float] = {}
        self._working = 0
        self._ended = 0.0
        self._busy = 0.0
        self._at = clock()

    def admit(self) -> Ticket:
        """Expect a request, whose body is read now; close the ticket in the end."""
        ticket = Ticket(self)
        with self._lock:
            self._expected.add(ticket)
        return ticket

    def wait_for(self, ticket: Ticket) -> None:
        """Note since when the caller of a request has sent nothing."""
        with self._lock:
            if ticket in self._expected:
                self._receiving[ticket] = self._clock()

    def go_on_with(self, ticket: Ticket) -> None:
        """Note that it has sent something."""
        with self._lock:
            self._receiving.pop(ticket, None)

    def close(self, ticket: Ticket, *, ended: bool) -> None:
        """Expect a request no longer; it may have ended without work, such as from a cache."""
        with self._lock:
            self._expected.discard(ticket)
            if ended:
                self._count()

    def begin(self, ticket: Ticket) -> None:
        """Count a request as work."""
        with self._lock:
            self._expected.discard(ticket)
            self._advance()
            self._working += 1

    def end(self) -> None:
        """Count it as ended."""
        with self._lock:
            self._advance()
            self._working -= 1
            self._count()

    @property
    def waiting(self) -> int:
        """Requests that one more would wait for."""
        with self._lock:
            return self._before()

    @property
    def wait_seconds(self) -> float:
        """How long one more request would wait; 0 as long as nothing is known of the rate."""
        with self._lock:
            self._advance()
            before = self._before()
            if before <= self._few or not self._ended:
                return 0.0
            return before * self._busy / self._ended

    @property
    def spacing(self) -> float:
        """Seconds of work from one end to the next, as measured last; 0 while none is known."""
        with self._lock:
            return self._busy / self._ended if self._ended else 0.0

    def expect(self, spacing: float) -> None:
        """Count on no less from one end to the next: what does the work is slower from now on."""
        with self._lock:
            self._advance()
            self._busy = max(self._busy, spacing * self._ended)

    def _count(self) -> None:
        """Count one that ended; where much ends without any work, what is older fades too."""
        kept = 1 - 1 / _MEMORY_MOST_ENDS
        self._ended = self._ended * kept + 1
        self._busy *= kept

    def _before(self) -> int:
        late = self._clock() - _SLOW_SECONDS
        slow = sum(1 for _ in takewhile(late.__gt__, self._receiving.values()))  # oldest first
        return self._working + len(self._expected) - slow

    def _advance(self) -> None:
        """Let what was measured fade by the time of work that has passed."""
        now = self._clock()
        if self._working:
            spacing = self._busy / self._ended if self._ended else 0.0
            memory = max(_MEMORY_SECONDS, _MEMORY_ENDS * spacing)
            kept = math.exp((self._at - now) / memory)
            self._ended *= kept
            self._busy = self._busy * kept + memory * (1 - kept)
        self._at = now
