"""What is asked for while others are, is asked for together, and whoever gives up goes alone."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from threading import Event
from typing import Any

import pytest

from service.core.errors import DeadlineExceededError
from service.pipeline.gathering import _MOST, Gathering
from service.pipeline.terms import PATIENT, Terms


class Asked:
    """Answers with the key in capitals, once it may; keeps what it was asked for."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.began, self.go = Event(), Event()
        self.failures: list[Exception] = []

    def __call__(self, keys: Sequence[str]) -> list[str]:
        self.rounds.append(list(keys))
        self.began.set()
        assert self.go.wait(10)
        if self.failures:
            raise self.failures.pop()
        return [key.upper() for key in keys]


async def begun(asked: Asked) -> None:
    """Wait until the first round is under way."""
    await asyncio.to_thread(asked.began.wait)


def started(
    gathering: Gathering[str], keys: Sequence[str], terms: Terms = PATIENT
) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(gathering.get(key, terms)) for key in keys]


def check(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_one_goes_at_once_and_those_that_come_meanwhile_together() -> None:
    async def story() -> None:
        asked = Asked()
        gathering = Gathering(asked)
        first = started(gathering, ["a"])
        await begun(asked)
        others = started(gathering, ["b", "c", "b"])
        asked.go.set()
        assert await asyncio.gather(*first, *others) == ["A", "B", "C", "B"]
        assert asked.rounds == [["a"], ["b", "c", "b"]]
        assert await gathering.get("d") == "D", "and it goes on"

    check(story())


def test_a_round_is_bounded() -> None:
    async def story() -> None:
        asked = Asked()
        asked.go.set()
        keys = [f"key {number}" for number in range(2 * _MOST + 1)]
        found = await asyncio.gather(*started(Gathering(asked), keys))
        assert found == [key.upper() for key in keys]
        assert [len(each) for each in asked.rounds] == [_MOST, _MOST, 1]

    check(story())


def test_one_that_is_late_or_cancelled_is_not_asked_for_and_takes_nobody_along() -> None:
    async def story() -> None:
        asked = Asked()
        gathering = Gathering(asked)
        first, gone = started(gathering, ["a", "b"])
        await begun(asked)
        (late,) = started(gathering, ["c"], Terms(deadline=time.monotonic() + 0.01))
        (last,) = started(gathering, ["d"])
        gone.cancel()
        with pytest.raises(DeadlineExceededError):
            await late
        asked.go.set()
        assert await asyncio.gather(first, last) == ["A", "D"]
        assert gone.cancelled()
        assert asked.rounds == [["a", "b"], ["d"]]

    check(story())


def test_a_round_that_fails_fails_its_own_alone() -> None:
    async def story() -> None:
        asked = Asked()
        asked.failures = [RuntimeError("a mistake")]
        gathering = Gathering(asked)
        failing = started(gathering, ["a", "b"])
        await begun(asked)
        others = started(gathering, ["c"])
        asked.go.set()
        for each in failing:
            with pytest.raises(RuntimeError, match="a mistake"):
                await each
        assert await asyncio.gather(*others) == ["C"]

    check(story())


def test_the_loop_goes_on_meanwhile() -> None:
    async def story() -> None:
        asked = Asked()
        (waiting,) = started(Gathering(asked), ["a"])
        await begun(asked)
        await asyncio.sleep(0.01)
        assert not waiting.done()
        asked.go.set()
        assert await waiting == "A"

    check(story())
