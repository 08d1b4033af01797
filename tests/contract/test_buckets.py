"""What all `Buckets` keep to: so many at once, so many a second, each name for itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.adapters.memory_buckets import MemoryBuckets
from service.adapters.redis_buckets import RedisBuckets
from service.core.rates import Buckets, Rate
from support.live_server import eventually

SLOW = Rate(per_second=0.001, burst=5)  # nothing comes back while a test runs
QUICK = Rate(per_second=50, burst=2)


@pytest.fixture(params=["memory", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    """Where buckets are kept: "" is in process, else a Redis's URL."""
    return "" if request.param == "memory" else request.getfixturevalue("redis_server").url


@pytest.fixture
def make(kind: str) -> Iterator[Callable[[Rate], Buckets]]:
    made: list[RedisBuckets] = []

    def make(rate: Rate) -> Buckets:
        if not kind:
            return MemoryBuckets(rate)
        made.append(RedisBuckets(kind, rate))
        return made[-1]

    yield make
    for buckets in made:
        buckets.close()


def test_a_burst_is_allowed_and_no_more(make) -> None:
    buckets = make(SLOW)
    taken = [buckets.take("shop") for _ in range(7)]
    assert [each.allowed for each in taken] == [True] * 5 + [False] * 2
    assert [each.remaining for each in taken] == [4, 3, 2, 1, 0, 0, 0]
    assert taken[0].wait_seconds == 0
    assert taken[-1].wait_seconds == pytest.approx(1000, abs=10)
    assert taken[-1].full_seconds == pytest.approx(5000, abs=10)


def test_names_are_told_apart(make) -> None:
    buckets = make(SLOW)
    for _ in range(6):
        buckets.take("shop")
    assert not buckets.take("shop").allowed
    assert buckets.take("shop2").allowed


def test_tokens_come_back(make) -> None:
    buckets = make(QUICK)
    while buckets.take("shop").allowed:
        pass
    assert eventually(lambda: buckets.take("shop").allowed, seconds=5)


def test_threads_get_no_more_than_the_burst(make) -> None:
    buckets = make(SLOW)
    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(lambda _: buckets.take("shop").allowed, range(40)))
    assert sum(allowed) == SLOW.burst
