"""Answers that Redis alone has, asked for on the event loop while it works, hangs and is gone.

Bounds on time are wide enough for a busy machine: a time-out is 0.05 s.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from service.caches import make_caches
from service.core.caching import Cache
from service.pipeline.results import Result, ResultCache
from service.settings import Settings
from support.redis_server import RedisServer

pytestmark = pytest.mark.integration

KEPT = Result(b'{"results":[]}', "exact")
KEYS = [f"vitrine:r1:{number}" for number in range(100)]
QUICKLY_SECONDS = 0.25
PATIENCE_SECONDS = 20


@pytest.fixture
def chain(redis_server: RedisServer) -> Iterator[Sequence[Cache]]:
    """The caches of a process that keeps nothing itself."""
    with ExitStack() as stack:
        settings = Settings(redis_url=redis_server.url, result_cache_bytes=0)
        yield make_caches(settings, stack).results


@pytest.fixture
def results(chain: Sequence[Cache]) -> ResultCache:
    made = ResultCache(chain)
    for key in KEYS:
        made.set(key, KEPT)
    return made


async def found(results: ResultCache) -> set[Result | None]:
    return set(await asyncio.gather(*map(results.far, KEYS)))


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.001)


def test_a_hundred_at_once_are_a_few_round_trips(
    results: ResultCache, redis_server: RedisServer
) -> None:
    with redis_server.client() as client:
        before = client.info("stats")["total_commands_processed"]
        assert asyncio.run(found(results)) == {KEPT}
        assert client.info("stats")["total_commands_processed"] - before <= 5


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_server_that_goes_away_costs_all_who_wait_one_time_out_and_comes_back(
    results: ResultCache, chain: Sequence[Cache], redis_server: RedisServer, blow: signal.Signals
) -> None:
    async def story() -> None:
        assert await found(results) == {KEPT}
        redis_server.signal(blow)
        for _ in range(2):  # those who find out, and those who come after them
            start = time.monotonic()
            assert await found(results) == {None}
            assert time.monotonic() - start < QUICKLY_SECONDS
        if blow is signal.SIGKILL:
            redis_server.start()
        else:
            redis_server.signal(signal.SIGCONT)
        await until(lambda: not chain[1].degraded)
        results.set(KEYS[0], KEPT)
        assert await results.far(KEYS[0]) == KEPT

    asyncio.run(story())


def test_while_one_tries_a_server_that_hangs_nobody_else_waits(
    results: ResultCache, chain: Sequence[Cache], redis_server: RedisServer
) -> None:
    async def story() -> None:
        far = chain[1]
        redis_server.signal(signal.SIGSTOP)
        try:
            assert await results.far(KEYS[0]) is None
            await until(lambda: not far.degraded)
            before = far.counts.misses
            probe = asyncio.create_task(results.far(KEYS[0]))
            await until(lambda: far.degraded)
            assert await found(results) == {None}
            assert await probe is None
            assert far.counts.misses == before + 1, "only the first one asked"
        finally:
            redis_server.signal(signal.SIGCONT)

    asyncio.run(story())
