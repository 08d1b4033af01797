"""A write waits for a thread no longer than its time, and is waited for once it has one."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from service.api.working import begun
from service.core.errors import DeadlineExceededError
from service.pipeline.terms import PATIENT, Terms

PATIENCE_SECONDS = 20


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
