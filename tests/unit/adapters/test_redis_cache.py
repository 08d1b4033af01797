"""Redis may only ever make things faster: killed, hung, full or misnamed, it costs next to nothing.

Against a real server, really killed. Bounds on time are wide enough for a busy machine.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.adapters.redis_cache import RedisCache
from service.core.caching import lifetime
from service.core.errors import CacheError
from support.redis_server import RedisServer

QUICKLY_SECONDS = 0.25
PATIENCE_SECONDS = 20


@pytest.fixture
def cache(redis_server: RedisServer) -> Iterator[RedisCache]:
    made = RedisCache(redis_server.url, rest_seconds=0.2)
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def works(cache: RedisCache) -> bool:
    cache.set("probe", b"alive")
    return cache.get("probe") == b"alive"


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_server_that_goes_away_is_a_miss_at_once_and_comes_back(
    redis_server: RedisServer, cache: RedisCache, blow: signal.Signals
) -> None:
    cache.set("key", b"value")
    assert cache.get("key") == b"value"
    redis_server.signal(blow)

    start = time.monotonic()
    assert cache.get("key") is None
    assert cache.degraded
    assert time.monotonic() - start < QUICKLY_SECONDS

    start = time.monotonic()
    for _ in range(100):  # while it is left alone a request costs nothing
        cache.set("key", b"value")
    assert time.monotonic() - start < QUICKLY_SECONDS

    if blow is signal.SIGKILL:
        redis_server.start()
    else:
        redis_server.signal(signal.SIGCONT)
    until(lambda: works(cache))
    assert not cache.degraded


def test_a_dead_server_costs_a_set_no_more_than_a_get(
    redis_server: RedisServer, cache: RedisCache
) -> None:
    redis_server.signal(signal.SIGKILL)
    start = time.monotonic()
    cache.set("key", b"value")
    assert time.monotonic() - start < QUICKLY_SECONDS
    assert cache.degraded


def test_it_is_tried_again_after_the_rest_and_found_still_dead(
    redis_server: RedisServer, cache: RedisCache
) -> None:
    redis_server.signal(signal.SIGKILL)
    assert cache.get("key") is None
    assert cache.counts.breaker == "open"
    until(lambda: cache.counts.breaker == "half_open")
    assert not cache.degraded, "nobody knows"
    assert cache.get("key") is None
    assert cache.degraded
    assert cache.counts.failures == 2


def test_of_many_that_come_after_the_rest_one_pays(redis_server: RedisServer) -> None:
    """A server that hangs costs a time-out: one, however many ask."""
    cache = RedisCache(redis_server.url, rest_seconds=0.2)
    cache.set("key", b"value")
    redis_server.signal(signal.SIGSTOP)
    assert cache.get("key") is None
    until(lambda: cache.counts.breaker == "half_open")
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: cache.get("key"), range(16))) == {None}
    assert cache.counts.failures == 2
    redis_server.signal(signal.SIGCONT)
    until(lambda: cache.get("key") == b"value")
    assert cache.counts.breaker == "closed"
    cache.close()


def test_connections_from_before_a_restart_do_not_spoil_it(
    redis_server: RedisServer, cache: RedisCache
) -> None:
    """Several threads' connections are in the pool; each of them is dead."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: cache.set(f"key {i}", b"value"), range(100)))
    redis_server.signal(signal.SIGKILL)
    redis_server.start()
    until(lambda: works(cache))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: cache.set(f"key {i}", b"again"), range(100)))
    assert not cache.degraded
    assert cache.get("key 99") == b"again"


def test_a_server_that_refuses_is_a_miss(redis_server: RedisServer, cache: RedisCache) -> None:
    with redis_server.client() as client:
        client.config_set("maxmemory", "1")
    cache.set("key", b"value")
    assert cache.degraded
    assert cache.get("key") is None


def test_values_go_after_their_time(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, ttl_seconds=100)
    cache.set("key", b"value")
    cache.close()
    with redis_server.client() as client:
        assert 90_000 < client.pttl("key") <= math.ceil(1000 * lifetime(100, "key"))


def test_many_keys_are_one_round_trip(redis_server: RedisServer, cache: RedisCache) -> None:
    for number in range(50):
        cache.set(f"key {number}", b"%d" % number)
    with redis_server.client() as client:
        before = client.info("stats")["total_commands_processed"]
        assert cache.get_many([f"key {n}" for n in range(50)]) == [b"%d" % n for n in range(50)]
        assert client.info("stats")["total_commands_processed"] - before <= 2  # and this one


def test_a_value_of_another_kind_is_a_miss(redis_server: RedisServer, cache: RedisCache) -> None:
    with redis_server.client() as client:
        client.rpush("list", "value")
    assert cache.get("list") is None


def test_nothing_is_opened_before_it_is_used() -> None:
    cache = RedisCache("redis://192.0.2.1:6379")  # an address that nobody has
    assert not cache.degraded
    cache.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost:6379",
        "redis://localhost:port",
        "redis://localhost?socket_timeout=soon",
        "redis://localhost?no_such_option=1",
    ],
)
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(CacheError, match="not a Redis URL"):
        RedisCache(url)


def test_what_would_take_too_long_to_send_is_not_sent(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, max_value_bytes=1000)
    cache.set("small", b"x" * 1000)
    cache.set("large", b"x" * 1001)
    assert cache.get("small") == b"x" * 1000
    assert cache.get("large") is None
    assert not cache.degraded
    cache.close()
