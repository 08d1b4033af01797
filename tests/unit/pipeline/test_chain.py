"""Caches one behind the other."""

from service.pipeline.chain import Chain
from support.fakes import FakeCache


def chain(*caches: FakeCache) -> Chain:
    return Chain(caches, lambda key, value: value != b"bad")


def test_each_cache_is_asked_for_what_those_before_it_lack() -> None:
    near, far = FakeCache(), FakeCache()
    near.set("a", b"1")
    far.set("b", b"2")
    found = chain(near, far).get_many(["b", "a", "c", "b"])
    assert found == [b"2", b"1", None, b"2"]
    assert (near.counts.hits, near.counts.misses) == (1, 2)
    assert (far.counts.hits, far.counts.misses) == (1, 1)
    assert near.values == {"a": b"1", "b": b"2"}


def test_what_is_near_is_asked_for_alone() -> None:
    near, far = FakeCache(), FakeCache()
    far.set("a", b"1")
    both = chain(near, far)
    assert both.near("a") is None
    assert far.counts.hits == 0
    both.set_near("a", b"1")
    assert both.near("a") == b"1"
    assert chain().near("a") is None


def test_what_is_not_sound_is_looked_for_further_away() -> None:
    near, far = FakeCache(), FakeCache()
    near.set("a", b"bad")
    far.set("a", b"1")
    both = chain(near, far)
    assert both.near("a") is None
    assert both.get("a") == b"1"
    assert near.values["a"] == b"1"
