"""Of equal calls at once one is made, and the others wait for what comes of it.

    call -> is one like it under way? -> wait for it -> its result | it failed alone: begin anew
         -> lead                                     -> result, for all who wait

What is the caller's own, such as that it hung up, fails it alone; what is of the thing that is
asked for, such as a damaged picture, would fail every other likewise.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from service.pipeline.shared_work import OWN
from service.pipeline.terms import PATIENT, Terms

_T = TypeVar("_T")


class Flights(Generic[_T]):
    """Calls under way, by key; used on one event loop alone."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Future[_T | Exception | None]] = {}

    async def join(self, key: str, terms: Terms = PATIENT) -> _T | None:
        """Wait for an equal call, if one is under way; None where there is nothing to wait for.

        Raises:
            DeadlineExceededError: It took too long for the terms of this one.
            AbandonedError: Nobody waits for this one any more.
            Exception: What that call raised, unless that was its own.
        """
        while (flight := self._flights.get(key)) is not None:
            await terms.wait_for(flight)
            landed = flight.result()
            if isinstance(landed, Exception):
                # Raised for every one that waits: its traceback must not pile up.
                raise landed.with_traceback(None)
            if landed is not None:
                return landed
        return None

    async def lead(self, key: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make the call; nobody else may be leading, which `join` sees to."""
        landed: _T | Exception | None = None
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            landed = await call()
        except Exception as exc:
            landed = None if isinstance(exc, OWN) else exc
            raise
        finally:
            del self._flights[key]
            flight.set_result(landed)
        return landed
