"""The in-process cache stays within its bytes, and drops what was least lately used."""

from service.adapters.memory_cache import MemoryCache


def held(cache: MemoryCache, *keys: str) -> list[str]:
    return [key for key in keys if cache.get(key) is not None]


def test_the_least_lately_used_goes_first() -> None:
    cache = MemoryCache(30)
    for key in "abc":
        cache.set(key, b"x" * 10)
    cache.get("a")
    cache.set("d", b"x" * 10)
    assert held(cache, *"abcd") == ["a", "c", "d"]


def test_several_go_for_one_that_is_large() -> None:
    cache = MemoryCache(30)
    for key in "abc":
        cache.set(key, b"x" * 10)
    cache.set("d", b"x" * 20)
    assert held(cache, *"abcd") == ["c", "d"]


def test_a_value_that_can_never_fit_drives_nothing_out() -> None:
    cache = MemoryCache(30)
    cache.set("a", b"x" * 10)
    cache.set("b", b"x" * 31)
    assert held(cache, "a", "b") == ["a"]
    cache.set("a", b"x" * 31)
    assert held(cache, "a") == [], "the old value is not the key's any more"
    for key in "cde":
        cache.set(key, b"x" * 10)
    assert held(cache, *"cde") == ["c", "d", "e"], "and its bytes are free again"


def test_replacing_a_value_counts_its_bytes_once() -> None:
    cache = MemoryCache(30)
    for _ in range(10):
        cache.set("a", b"x" * 20)
    cache.set("b", b"x" * 10)
    assert held(cache, "a", "b") == ["a", "b"]


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = MemoryCache(0)
    cache.set("a", b"x")
    assert cache.get("a") is None


def test_a_value_is_gone_once_its_time_is_over_and_so_are_its_bytes() -> None:
    time = [100.0]
    cache = MemoryCache(30, ttl_seconds=60, now=lambda: time[0])
    cache.set("a", b"x" * 10)
    time[0] = 130
    cache.set("b", b"x" * 10)
    time[0] = 159.9
    assert held(cache, "a", "b") == ["a", "b"]
    time[0] = 160
    assert held(cache, "a", "b") == ["b"]
    cache.set("c", b"x" * 20)
    assert held(cache, "b", "c") == ["b", "c"], "the bytes of a are free"


def test_setting_again_starts_the_time_again() -> None:
    time = [0.0]
    cache = MemoryCache(30, ttl_seconds=60, now=lambda: time[0])
    cache.set("a", b"x")
    time[0] = 50
    cache.set("a", b"x")
    time[0] = 100
    assert held(cache, "a") == ["a"]


def test_what_is_over_goes_before_what_is_used_less() -> None:
    time = [0.0]
    cache = MemoryCache(30, ttl_seconds=60, now=lambda: time[0])
    cache.set("old", b"x" * 15)
    time[0] = 61
    cache.set("new", b"x" * 10)
    assert cache._bytes == 10
