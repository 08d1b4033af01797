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
from dataclasses import replace
from threading import Event
from typing import TypeVar

from fastapi import Request
from starlette.types import Receive

from service.api.serving import Workers
from service.core.errors import AbandonedError, DeadlineExceededError, InvalidQueryError
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
    with ticket.working():
        future = asyncio.get_running_loop().run_in_executor(
            workers.threads, call, replace(terms, gone=gone)
        )
        try:
            await _waited_for(future, request.receive, terms)
        finally:
            if not future.done():
                gone.set()
                future.add_done_callback(_unheard)
                future.cancel()
        return future.result()


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


async def _waited_for(future: "asyncio.Future[_T]", receive: Receive, terms: Terms) -> None:
    """Return once there is a result; raises as `worked`."""
    await asyncio.wait([future], timeout=min(_WATCH_AFTER_SECONDS, terms.seconds_left))
    if future.done():
        return
    hung_up = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait(
            (future, hung_up), timeout=terms.timeout, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        hung_up.cancel()
    if future.done():
        return
    if hung_up.done() and not hung_up.cancelled():
        raise AbandonedError("the caller hung up")
    terms.check()
    raise DeadlineExceededError("the answer was not there in time")


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _unheard(future: "asyncio.Future[_T]") -> None:
    """Look at what became of work that nobody waits for, since asyncio logs what nobody does."""
    if not future.cancelled():
        future.exception()
