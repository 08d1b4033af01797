"""How late the event loop is, while it is held up and just after."""

import asyncio
import time

import pytest

from service.api.loop_lag import LoopLag

HELD_SECONDS = 0.2


def hold_up() -> None:
    """As work on the loop does."""
    time.sleep(HELD_SECONDS)


def test_a_loop_that_is_held_up_says_so_until_it_has_caught_up() -> None:
    lag = LoopLag()

    async def test() -> None:
        assert lag.seconds < HELD_SECONDS / 2
        hold_up()
        during = lag.seconds
        await asyncio.sleep(0)  # what waited in sockets is read in the next round
        after = lag.seconds
        assert min(during, after) >= HELD_SECONDS - 0.06  # less one interval
        for _ in range(1000):
            if lag.seconds < HELD_SECONDS / 2:
                return
            await asyncio.sleep(0.01)
        pytest.fail("it never caught up")

    asyncio.run(test())


def test_another_loop_begins_anew() -> None:
    lag = LoopLag()

    async def asked() -> float:
        return lag.seconds

    asyncio.run(asked())
    hold_up()
    assert asyncio.run(asked()) < HELD_SECONDS / 2
