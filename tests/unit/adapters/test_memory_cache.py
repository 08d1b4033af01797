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
