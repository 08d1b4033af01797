"""What every `Cache` keeps to."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.adapters.memory_cache import MemoryCache
from service.adapters.redis_cache import RedisCache
from service.core.caching import Cache
from support.fakes import FakeCache


@pytest.fixture(params=["memory", "redis", "fake"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    if request.param == "memory":
        yield MemoryCache(1_000_000)
    elif request.param == "fake":
        yield FakeCache()
    else:
        redis = RedisCache(request.getfixturevalue("redis_server").url)
        yield redis
        redis.close()


def test_it_is_a_cache(cache: Cache) -> None:
    assert isinstance(cache, Cache)


def test_what_was_never_set_is_none(cache: Cache) -> None:
    assert cache.get("vitrine:e1:nothing") is None
    assert not cache.degraded


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n" * 300, bytes(range(256))])
def test_any_bytes_come_back_as_they_were(cache: Cache, value: bytes) -> None:
    cache.set("key", value)
    assert cache.get("key") == value


def test_a_second_value_replaces_the_first(cache: Cache) -> None:
    cache.set("key", b"first")
    cache.set("key", b"second, longer")
    assert cache.get("key") == b"second, longer"


def test_keys_are_told_apart(cache: Cache) -> None:
    cache.set("a:b", b"1")
    cache.set("a", b"2")
    assert (cache.get("a:b"), cache.get("a"), cache.get("a:")) == (b"1", b"2", None)


def test_several_are_asked_for_at_once(cache: Cache) -> None:
    cache.set("a", b"1")
    cache.set("b", b"")
    assert cache.get_many(["b", "nothing", "a", "a"]) == [b"", None, b"1", b"1"]
    assert cache.get_many([]) == []


def test_it_counts_what_was_found_and_what_was_not(cache: Cache) -> None:
    cache.set("a", b"1")
    cache.get("a")
    cache.get("nothing")
    cache.get_many(["a", "a", "neither"])
    assert (cache.counts.hits, cache.counts.misses) == (3, 2)


def test_threads_may_share_it(cache: Cache) -> None:
    def use(i: int) -> bytes | None:
        cache.set(f"key {i}", bytes([i]) * 100)
        return cache.get(f"key {i}")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(60))) == [bytes([i]) * 100 for i in range(60)]
    assert not cache.degraded
