"""Work that several threads want at once, done by one of them.

    claim -> nobody is at it? do it, and `land` what came of it : `wait` for who does

Whoever leads several pieces of work lands all of them before it waits for any, so that two who want
each other's never wait for each other.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

from service.core.errors import AbandonedError, DeadlineExceededError, VitrineError
from service.pipeline.terms import Terms

OWN = (AbandonedError, DeadlineExceededError)
"""What fails a caller alone; all else would fail every other likewise."""
_T = TypeVar("_T")


class _Work(Generic[_T]):
    """What one is at; `done` is set at the end, and None while nobody else wants it."""

    __slots__ = ("done", "outcome")

    def __init__(self) -> None:
        self.done: Event | None = None
        self.outcome: _T | VitrineError | None = None


class SharedWork(Generic[_T]):
    """What is being done, by key; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._work: dict[str, _Work[_T]] = {}

    def done(
        self,
        keys: Sequence[str],
        lead: Callable[[Sequence[str]], Mapping[str, _T | VitrineError]],
        terms: Terms,
    ) -> dict[str, _T | VitrineError]:
        """Return what comes of the work of each key, once it is done by whoever is at it.

        Args:
            keys: Each once.
            lead: Does what nobody is at; may raise, which fails this caller alone.
            terms: Of this caller.

        Raises:
            DeadlineExceededError: It took too long.
            AbandonedError: Nobody waits for it any more.
        """
        found: dict[str, _T | VitrineError] = {}
        left = list(keys)
        while left:  # again where whoever was at it failed alone
            others = self.claim(left)
            own = [key for key in left if key not in others]
            led: Mapping[str, _T | VitrineError] = {}
            try:
                led = lead(own) if own else {}
            finally:
                for key in own:
                    self.land(key, led.get(key))
            found |= led
            for key, work in others.items():
                outcome = self.wait(work, terms)
                if outcome is not None:
                    found[key] = outcome
            left = [key for key in left if key not in found]
        return found

    def claim(self, keys: Sequence[str]) -> dict[str, _Work[_T]]:
        """Return who is at what already; all else is the caller's to do, and to land."""
        with self._lock:
            others = {key: self._work[key] for key in keys if key in self._work}
            for work in others.values():
                work.done = work.done or Event()
            self._work |= {key: _Work[_T]() for key in keys if key not in others}
        return others

    def land(self, key: str, outcome: _T | VitrineError | None) -> None:
        """Tell those who wait what came of it; None, or an error of one's own, is nothing."""
        with self._lock:
            work = self._work.pop(key)
            work.outcome = None if isinstance(outcome, OWN) else outcome
        if work.done is not None:
            work.done.set()

    def wait(self, work: _Work[_T], terms: Terms) -> _T | VitrineError | None:
        """Return what came of another's work; None where it must be done anew.

        Raises:
            DeadlineExceededError: It took too long.
            AbandonedError: Nobody waits for it any more.
        """
        assert work.done is not None  # `claim` made it, for whoever wants another's work
        work.done.wait(terms.timeout)
        terms.check()
        return work.outcome
