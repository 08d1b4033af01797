"""The in-process cache stays within its bytes, and drops what was least lately used."""

import sys
import tracemalloc

import pytest

from service.adapters.memory_cache import ENTRY_BYTES, MemoryCache
from service.core.caching import lifetime

BESIDE = sys.getsizeof(b"") + sys.getsizeof("a") + ENTRY_BYTES
"""What a value of no bytes takes, under a key of one letter."""
THREE = 30 + 3 * BESIDE
"""Room for three values of ten bytes."""


def held(cache: MemoryCache, *keys: str) -> list[str]:
    return [key for key in keys if cache.get(key) is not None]


def test_the_least_lately_used_goes_first() -> None:
    cache = MemoryCache(THREE)
    for key in "abc":
        cache.set(key, b"x" * 10)
    cache.get("a")
    cache.set("d", b"x" * 10)
    assert held(cache, *"abcd") == ["a", "c", "d"]


def test_several_go_for_one_that_is_large() -> None:
    cache = MemoryCache(THREE)
    for key in "abc":
        cache.set(key, b"x" * 10)
    cache.set("d", b"x" * (20 + BESIDE))
    assert held(cache, *"abcd") == ["c", "d"]


def test_a_value_that_can_never_fit_drives_nothing_out() -> None:
    cache = MemoryCache(THREE)
    cache.set("a", b"x" * 10)
    cache.set("b", b"x" * (THREE - BESIDE + 1))
    assert held(cache, "a", "b") == ["a"]
    cache.set("a", b"x" * (THREE - BESIDE + 1))
    assert held(cache, "a") == [], "the old value is not the key's any more"
    for key in "cde":
        cache.set(key, b"x" * 10)
    assert held(cache, *"cde") == ["c", "d", "e"], "and its bytes are free again"


def test_replacing_a_value_counts_its_bytes_once() -> None:
    cache = MemoryCache(THREE)
    for _ in range(10):
        cache.set("a", b"x" * (20 + BESIDE))
    cache.set("b", b"x" * 10)
    assert held(cache, "a", "b") == ["a", "b"]
    assert cache.counts.bytes == THREE


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = MemoryCache(0)
    cache.set("a", b"x")
    assert cache.get("a") is None


def test_a_value_is_gone_once_its_time_is_over_and_so_are_its_bytes() -> None:
    time = [100.0]
    cache = MemoryCache(THREE, ttl_seconds=60, now=lambda: time[0])
    cache.set("a", b"x" * 10)
    time[0] = 130
    cache.set("b", b"x" * 10)
    time[0] = 159.9
    assert held(cache, "a", "b") == ["a", "b"]
    time[0] = 100 + lifetime(60, "a")
    assert held(cache, "a", "b") == ["b"]
    cache.set("c", b"x" * (20 + BESIDE))
    assert held(cache, "b", "c") == ["b", "c"], "the bytes of a are free"
    assert cache.counts.evictions == 0


def test_setting_again_starts_the_time_again() -> None:
    time = [0.0]
    cache = MemoryCache(THREE, ttl_seconds=60, now=lambda: time[0])
    cache.set("a", b"x")
    time[0] = 50
    cache.set("a", b"x")
    time[0] = 100
    assert held(cache, "a") == ["a"]


def test_what_is_over_goes_before_what_is_used_less() -> None:
    time = [0.0]
    cache = MemoryCache(THREE, ttl_seconds=60, now=lambda: time[0])
    cache.set("a", b"x" * 15)
    time[0] = 67
    cache.set("b", b"x" * 10)
    assert (cache.counts.entries, cache.counts.bytes) == (1, 10 + BESIDE)


def test_it_counts_what_it_did() -> None:
    cache = MemoryCache(THREE)
    for key in "abcde":
        cache.set(key, b"x" * 10)
    held(cache, *"abcde")
    counts = cache.counts
    assert (counts.hits, counts.misses, counts.evictions, counts.entries) == (3, 2, 2, 3)
    assert counts.bytes == THREE


@pytest.mark.parametrize("length", [0, 2000])
def test_its_bytes_are_those_that_memory_lacks(length: int) -> None:
    """Keys and bookkeeping too: of short values they are most of it."""
    cache = MemoryCache(100_000_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(5000):
            cache.set(f"vitrine:e2:{number:064x}", bytes(length) + b"%d" % number)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert cache.counts.bytes == pytest.approx(taken, rel=0.2)


def test_lifetimes_are_spread_upwards_and_the_same_everywhere() -> None:
    lives = [lifetime(100, f"key {number}") for number in range(1000)]
    assert min(lives) >= 100
    assert max(lives) <= 110
    assert len({round(life) for life in lives}) == 11
    assert lives == [lifetime(100, f"key {number}") for number in range(1000)]
