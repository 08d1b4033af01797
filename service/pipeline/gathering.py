"""What is asked for one at a time, asked for together: one round trip for all who came meanwhile.

    key -> a round is under way? wait for the next -> a thread: ask for all of these -> a value each

Nobody waits for others to come: the first goes at once. A round costs a hop into a thread and back,
and as many turns at the interpreter, however many it is for; where each took its own, that was most
of an answer from Redis (docs/benchmarks.md, "Kept answers").
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from service.pipeline.terms import PATIENT, Terms

_MOST = 64
"""Keys of a round, so that what comes back stays small for the time that the cache has."""
_T = TypeVar("_T")


class Gathering(Generic[_T]):
    """Asks in rounds, one at a time; used on one event loop alone."""

    def __init__(self, ask: Callable[[Sequence[str]], Sequence[_T]]) -> None:
        """Begin with nobody waiting; `ask` gives the values of keys in order, and may block."""
        self._ask = ask
        self._waiting: list[tuple[str, asyncio.Future[_T]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def get(self, key: str, terms: Terms = PATIENT) -> _T:
        """Return the value of a key.

        Raises:
            DeadlineExceededError: It took too long for the terms of this one.
            AbandonedError: Nobody waits for this one any more.
            Exception: What asking raised, for all of a round.
        """
        value: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, value))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round())
        try:
            await terms.wait_for(value)
        finally:
            value.cancel()  # of one that gave up; nothing, once it is there
        return value.result()

    async def _go_round(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            wanted = [(key, value) for key, value in asked if not value.done()]
            try:
                found = await asyncio.to_thread(self._ask, [key for key, _ in wanted])
            except Exception as exc:  # noqa: BLE001 - it is told to all who wait
                for _, value in wanted:
                    if not value.done():
                        value.set_exception(exc)
                continue
            for (_, value), each in zip(wanted, found, strict=True):
                if not value.done():
                    value.set_result(each)
