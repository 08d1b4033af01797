"""Work for a request in the threads for it, as long as its caller waits.

    request -> Terms (deadline) -> threads -> result
            -> the time is over: 504 | the caller hung up: 499 -> the work is told, and dropped

Work that waits in the queue of the threads is taken out of it; work that has begun asks its Terms
before each costly step. A write that has begun is waited for: it may be done by then, and what is
done has to be answered as done.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing, suppress
from dataclasses import replace
from threading import Event
from typing import TypeVar

from fastapi import Request
from starlette.types import Receive

from service.api.serving import Workers
from service.core.errors import (
    AbandonedError,
    DeadlineExceededError,
    InvalidQueryError,
    VitrineError,
)
from service.core.tiers import Wanted
from service.pipeline.load import Ticket
from service.pipeline.terms import Terms

TIMEOUT_HEADER = "X-Timeout-Ms"
MAX_TIMEOUT_MS = 600_000
_WATCH_AFTER_SECONDS = 0.05
"""Work that takes less is not worth a task that looks whether its caller is still there."""
_T = TypeVar("_T")


def terms_of(request: Request, tier: Wanted = "auto") -> Terms:
    """Read what a request says of itself in its headers; the clock begins to run.

    Raises:
        InvalidQueryError: `X-Timeout-Ms` is no number of milliseconds.
    """
    given = request.headers.get(TIMEOUT_HEADER)
    if given is None:
        return Terms(tier)
    digits = given.strip()
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:9]) <= MAX_TIMEOUT_MS):
        raise InvalidQueryError(
            f"{TIMEOUT_HEADER}: a whole number from 1 to {MAX_TIMEOUT_MS:,} is needed"
        )
    return Terms(tier, deadline=time.monotonic() + int(digits) / 1000)


async def worked(
    request: Request, workers: Workers, terms: Terms, call: Callable[[Terms], _T]
) -> _T:
    """Return what a call gives in one of the threads.

    Args:
        request: Whose body is read.
        workers: The threads, and what waits for them.
        terms: Of the request.
        call: The work, on terms that tell it when to stop.

    Raises:
        DeadlineExceededError: It took too long.
        AbandonedError: The caller hung up.
    """
    ticket: Ticket = request.state.ticket
    gone = Event()
    told = replace(terms, gone=gone)
    wait = _Wait(request.receive, terms)
    with ticket.working(), closing(wait):
        # The thread wants the interpreter from here on: there is little left to do but to wait.
        work = workers.threads.submit(call, told)
        work.add_done_callback(wait.end_from_thread)
        try:
            await wait.ended
            if not work.done():
                raise wait.failure()
            return work.result()
        finally:
            if not work.done():
                gone.set()
                work.cancel()


async def begun(workers: Executor, terms: Terms, call: Callable[[Terms], _T]) -> _T:
    """Return what a call gives in one of the threads, however long it takes once it has begun.

    Raises:
        DeadlineExceededError: No thread was free in time; it was not begun.
    """
    work = workers.submit(call, terms)
    future = asyncio.wrap_future(work)
    await asyncio.wait([future], timeout=terms.timeout)
    if not future.done() and work.cancel():
        raise terms.failure() or DeadlineExceededError("no thread was free in time")
    return await future


class _Wait:
    """Ends with the work, the time, or the caller's patience, whichever comes first.

    Attributes:
        ended: Done when any of them has; one future, since each more is a round of the loop.
    """

    def __init__(self, receive: Receive, terms: Terms) -> None:
        self._receive = receive
        self._terms = terms
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_future()
        self._hung_up: asyncio.Task[None] | None = None
        self._timers = [self._loop.call_later(_WATCH_AFTER_SECONDS, self._watch)]
        if (seconds := terms.timeout) is not None:
            self._timers.append(self._loop.call_later(seconds, self._end))

    def end_from_thread(self, _: object) -> None:
        """End it; whoever asked may be gone by now, and the loop too."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)

    def failure(self) -> VitrineError:
        """Return why it ended without the work."""
        if self._hung_up is not None and self._hung_up.done():
            return AbandonedError("the caller hung up")
        return self._terms.failure() or DeadlineExceededError("the answer was not there in time")

    def close(self) -> None:
        """Wait no longer."""
        for timer in self._timers:
            timer.cancel()
        if self._hung_up is not None:
            self._hung_up.cancel()

    def _watch(self) -> None:
        self._hung_up = self._loop.create_task(_disconnected(self._receive))
        self._hung_up.add_done_callback(self._end)

    def _end(self, _: object = None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
