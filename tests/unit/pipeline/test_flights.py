"""Of equal calls one is made; what is one caller's own fails it alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from service.core.errors import (
    AbandonedError,
    CorruptImageError,
    DeadlineExceededError,
    VitrineError,
)
from service.pipeline.flights import Flights
from service.pipeline.terms import PATIENT, Terms


async def either(
    flights: Flights[str], call: Callable[[], Awaitable[str]], terms: Terms = PATIENT
) -> str:
    joined = await flights.join("key", terms)
    return await flights.lead("key", call) if joined is None else joined


async def turns(count: int = 5) -> None:
    """Let everyone come as far as they can."""
    for _ in range(count):
        await asyncio.sleep(0)


class Calls:
    """A call that ends when told to; counts how often it was made."""

    def __init__(self) -> None:
        self.made = 0
        self.go = asyncio.Event()
        self.failures: list[Exception] = []

    async def __call__(self) -> str:
        self.made += 1
        number = self.made
        await self.go.wait()
        if self.failures:
            self.go.clear()
            raise self.failures.pop(0)
        return f"result {number}"


def test_equal_calls_share_one_and_later_ones_begin_anew() -> None:
    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        tasks = [asyncio.create_task(either(flights, calls)) for _ in range(200)]
        await turns()
        assert calls.made == 1
        calls.go.set()
        assert set(await asyncio.gather(*tasks)) == {"result 1"}
        assert await either(flights, calls) == "result 2"

    asyncio.run(check())


@pytest.mark.parametrize("error", [CorruptImageError("damaged"), RuntimeError("a mistake")])
def test_what_is_wrong_with_the_thing_is_shared(error: Exception) -> None:
    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        calls.failures = [error]
        tasks = [asyncio.create_task(either(flights, calls)) for _ in range(20)]
        await turns()
        calls.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes == [error] * 20
        assert calls.made == 1

    asyncio.run(check())


@pytest.mark.parametrize("error", [DeadlineExceededError("late"), AbandonedError("gone")])
def test_what_is_the_leaders_own_fails_it_alone(error: VitrineError) -> None:
    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        calls.failures = [error]
        tasks = [asyncio.create_task(either(flights, calls)) for _ in range(20)]
        await turns()
        calls.go.set()
        await turns()
        assert tasks[0].done()
        calls.go.set()
        first, *others = await asyncio.gather(*tasks, return_exceptions=True)
        assert first is error
        assert others == ["result 2"] * 19
        assert calls.made == 2

    asyncio.run(check())


def test_a_leader_that_is_cancelled_leaves_it_to_the_next() -> None:
    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        tasks = [asyncio.create_task(either(flights, calls)) for _ in range(20)]
        await turns()
        tasks[0].cancel()
        await turns()
        assert calls.made == 2
        calls.go.set()
        assert set(await asyncio.gather(*tasks[1:])) == {"result 2"}
        assert tasks[0].cancelled()

    asyncio.run(check())


def test_one_that_waits_and_is_cancelled_or_late_takes_nobody_along() -> None:
    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        soon = Terms(deadline=time.monotonic() + 0.01)
        leader, cancelled, other = (asyncio.create_task(either(flights, calls)) for _ in range(3))
        late = asyncio.create_task(either(flights, calls, soon))
        await turns()
        cancelled.cancel()
        with pytest.raises(DeadlineExceededError):
            await late
        calls.go.set()
        assert await asyncio.gather(leader, other) == ["result 1"] * 2
        assert (cancelled.cancelled(), calls.made) == (True, 1)

    asyncio.run(check())


def test_whoever_is_late_is_told_so_by_the_clock_of_the_server_too() -> None:
    """Its loop is uvloop's, whose timers may go off half a millisecond before their time."""

    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        leader = asyncio.create_task(either(flights, calls))
        await turns()
        start = time.monotonic()
        soon = [Terms(deadline=start + 0.005 + number / 10_000) for number in range(50)]
        waiting = [either(flights, calls, terms) for terms in soon]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {DeadlineExceededError}
        calls.go.set()
        assert await leader == "result 1"

    uvloop.run(check())


def test_other_keys_do_not_wait() -> None:
    async def check() -> None:
        flights, calls = Flights[str](), Calls()
        first = asyncio.create_task(flights.lead("a", calls))
        await turns()
        assert await flights.join("b") is None
        calls.go.set()
        assert await first == "result 1"

    asyncio.run(check())
