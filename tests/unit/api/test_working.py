"""A search is waited for while somebody wants it; a write once it has a thread, no matter what."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from fastapi import Request
from starlette.types import Message

from service.api.serving import Workers
from service.api.working import begun, worked
from service.core.errors import AbandonedError, DeadlineExceededError
from service.pipeline.load import Load
from service.pipeline.terms import PATIENT, Terms

PATIENCE_SECONDS = 20


async def _silent() -> Message:
    """A caller that waits for its answer."""
    return await asyncio.Future()


async def _hung_up() -> Message:
    return {"type": "http.disconnect"}


class Held:
    """One thread, whose work waits to be let, and notes whether it was told that nobody waits."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(1)
        self.workers = Workers(self.threads, Load())
        self.let, self.started, self.dropped = Event(), Event(), Event()

    def ask(
        self,
        call: Callable[[Terms], Any],
        terms: Terms = PATIENT,
        receive: Callable[[], Awaitable[Message]] = _silent,
    ) -> "asyncio.Future[Any]":
        state = {"ticket": self.workers.load.admit()}
        request = Request({"type": "http", "state": state}, receive)
        return asyncio.ensure_future(worked(request, self.workers, terms, call))

    def hold(self, terms: Terms) -> str:
        self.started.set()
        assert self.let.wait(PATIENCE_SECONDS)
        if terms.gone is not None and terms.gone.is_set():
            self.dropped.set()
        raise ValueError("what is held fails in the end")

    def end(self) -> None:
        self.let.set()
        self.threads.shutdown()


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.end()


def test_what_a_call_gives_or_raises_comes_back(held: Held) -> None:
    async def ask() -> None:
        assert await held.ask(lambda terms: terms.tier) == "auto"
        with pytest.raises(ZeroDivisionError):
            await held.ask(lambda _: 1 // 0)
        soon = Terms(deadline=time.monotonic() + PATIENCE_SECONDS)
        assert await held.ask(lambda terms: terms.deadline, soon) == soon.deadline

    asyncio.run(ask())
    assert held.workers.load.waiting == 0


@pytest.mark.parametrize("leave", ["time", "caller", "server"])
def test_what_nobody_waits_for_is_told_so_and_never_heard_of(
    held: Held, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever leaves: what has begun is told, what has not is not begun, and nothing is logged."""
    did: list[Terms] = []
    late = Terms(deadline=time.monotonic() + 0.03) if leave == "time" else PATIENT
    receive = _hung_up if leave == "caller" else _silent
    ends = {"time": DeadlineExceededError, "caller": AbandonedError}

    async def ask() -> None:
        at_work = held.ask(held.hold, late, receive)
        queued = held.ask(did.append, late, receive)
        await asyncio.to_thread(held.started.wait, PATIENCE_SECONDS)
        for each in (at_work, queued):
            if leave == "server":
                each.cancel()
            with pytest.raises(ends.get(leave, asyncio.CancelledError)):
                await each
        assert held.workers.load.waiting == 0

    with caplog.at_level(logging.DEBUG):
        asyncio.run(ask())
        held.end()  # the loop is closed by now
    assert held.dropped.is_set()
    assert did == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_waits_for_a_thread_too_long_is_never_begun() -> None:
    let, did = Event(), list[str]()

    async def ask() -> None:
        with ThreadPoolExecutor(1) as threads:
            busy = threads.submit(let.wait, PATIENCE_SECONDS)
            soon = Terms(deadline=time.monotonic() + 0.02)
            with pytest.raises(DeadlineExceededError):
                await begun(threads, soon, lambda _: did.append("late"))
            assert not busy.done()
            let.set()
            assert await begun(threads, PATIENT, lambda _: "done") == "done"

    asyncio.run(ask())
    assert did == []


def test_what_has_begun_is_answered_however_late() -> None:
    let = Event()

    def work(terms: Terms) -> float:
        assert let.wait(PATIENCE_SECONDS)
        return terms.seconds_left

    async def ask() -> float:
        with ThreadPoolExecutor(1) as threads:
            answer = asyncio.ensure_future(
                begun(threads, Terms(deadline=time.monotonic() + 0.02), work)
            )
            await asyncio.sleep(0.05)
            assert not answer.done()
            let.set()
            return await answer

    assert asyncio.run(ask()) == 0.0
