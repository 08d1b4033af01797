"""Buckets by the clock, within bounds, and without their Redis."""

import signal

import pytest

from service.adapters.memory_buckets import MemoryBuckets
from service.adapters.redis_buckets import RedisBuckets
from service.core.errors import CacheError
from service.core.rates import Rate
from support.redis_server import RedisServer

SLOW = Rate(per_second=0.001, burst=3)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_refills_at_its_rate_up_to_its_burst() -> None:
    clock = Clock()
    buckets = MemoryBuckets(Rate(per_second=2, burst=4), clock=clock)
    assert [buckets.take("a").allowed for _ in range(5)] == [True] * 4 + [False]

    clock.now += 0.4
    refused = buckets.take("a")
    assert not refused.allowed
    assert refused.wait_seconds == pytest.approx(0.1)
    assert refused.full_seconds == pytest.approx(1.6)

    clock.now += 0.1
    assert buckets.take("a").allowed
    clock.now += 1000
    assert [buckets.take("a").allowed for _ in range(5)] == [True] * 4 + [False]


def test_a_clock_set_back_takes_nothing_away() -> None:
    clock = Clock()
    buckets = MemoryBuckets(Rate(per_second=1, burst=2), clock=clock)
    buckets.take("a")
    clock.now -= 50
    assert buckets.take("a").allowed


def test_any_number_of_names_is_bounded() -> None:
    buckets = MemoryBuckets(SLOW)
    for number in range(10_500):
        buckets.take(f"address {number}")
    assert len(buckets._buckets) == 10_000


def test_two_processes_share_what_redis_keeps(redis_server: RedisServer) -> None:
    one, other = (RedisBuckets(redis_server.url, SLOW) for _ in range(2))
    assert [b.take("shop").allowed for b in (one, other, one, other)] == [True] * 3 + [False]
    with redis_server.client() as client:
        assert 3_000_000 < client.pttl("vitrine:bucket:shop") <= 3_001_000
    one.close()
    other.close()


def test_without_redis_each_process_counts_alone_and_then_together_again(
    redis_server: RedisServer,
) -> None:
    buckets = RedisBuckets(redis_server.url, SLOW, rest_seconds=0)
    assert buckets.take("shop").allowed
    redis_server.signal(signal.SIGKILL)
    assert [buckets.take("shop").allowed for _ in range(4)] == [True] * 3 + [False]
    redis_server.start()
    assert buckets.take("shop").allowed
    buckets.close()


def test_a_redis_that_hangs_costs_one_timeout_a_rest(redis_server: RedisServer) -> None:
    buckets = RedisBuckets(redis_server.url, Rate(1000, 1000), rest_seconds=60)
    redis_server.signal(signal.SIGSTOP)
    assert all(buckets.take("shop").allowed for _ in range(500))
    redis_server.signal(signal.SIGCONT)
    buckets.close()


def test_what_is_no_url() -> None:
    with pytest.raises(CacheError, match="not a Redis URL"):
        RedisBuckets("http://localhost", SLOW)
