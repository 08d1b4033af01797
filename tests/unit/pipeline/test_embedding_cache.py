"""Vectors through a chain of caches: nearest first, promoted, and never a wrong one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.core.keys import embedding_key
from service.core.manifest import Head
from service.core.types import Seen
from service.pipeline.embedding_cache import EmbeddingCache
from support.fakes import FakeCache

IMAGE, BUNDLE, DIM = "a" * 64, "b" * 64, 8
KEY = embedding_key(IMAGE, BUNDLE, "")


def vector(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=DIM).astype(np.float32)


def seen(seed: int = 0) -> Seen:
    return Seen(vector(seed))


def stored(values: NDArray[np.float32], version: int = 2) -> bytes:
    return bytes([version]) + values.astype("<f4").tobytes()


def test_a_vector_comes_back_exactly() -> None:
    cache = EmbeddingCache([FakeCache()], BUNDLE, DIM)
    assert cache.get(IMAGE) is None
    cache.set(IMAGE, seen())
    found = cache.get(IMAGE)
    assert found is not None
    assert np.array_equal(found.vector, vector())


def test_the_heads_come_back_by_name() -> None:
    heads = (
        Head(output="head_kind", name="kind", labels=("bag", "shoe")),
        Head(output="head_colour", name="colour", labels=("red", "blue", "green")),
    )
    cache = EmbeddingCache([FakeCache()], BUNDLE, DIM, heads)
    colour, kind = np.array([0.5, 0.25, 0.25], np.float32), np.array([1, 0], np.float32)
    cache.set(IMAGE, Seen(vector(), {"colour": colour, "kind": kind}))
    found = cache.get(IMAGE)
    assert np.array_equal(found.vector, vector())
    assert np.array_equal(found.heads["kind"], kind)
    assert np.array_equal(found.heads["colour"], colour)


def test_it_is_kept_everywhere_as_a_version_and_little_endian_floats() -> None:
    near, far = FakeCache(), FakeCache()
    EmbeddingCache([near, far], BUNDLE, DIM).set(IMAGE, seen())
    assert near.values == far.values == {KEY: stored(vector())}


def test_what_is_found_further_away_is_brought_nearer() -> None:
    near, middle, far = FakeCache(), FakeCache(), FakeCache()
    middle.set(KEY, stored(vector()))
    far.set(KEY, stored(vector(1)))
    found = EmbeddingCache([near, middle, far], BUNDLE, DIM).get(IMAGE)
    assert np.array_equal(found.vector, vector())
    assert near.values == middle.values == {KEY: stored(vector())}
    assert far.values == {KEY: stored(vector(1))}, "only the nearer ones are written"


@pytest.mark.parametrize(
    "value",
    [b"", b"\x02", stored(vector(), version=1), stored(vector())[:-1], stored(vector()) + b"\0"],
    ids=["empty", "no vector", "older version", "too short", "too long"],
)
def test_a_value_that_is_none_of_ours_counts_as_absent(value: bytes) -> None:
    near, far = FakeCache(), FakeCache()
    near.set(KEY, value)
    cache = EmbeddingCache([near, far], BUNDLE, DIM)
    assert cache.get(IMAGE) is None
    far.set(KEY, stored(vector()))
    assert np.array_equal(cache.get(IMAGE).vector, vector())
    assert near.values[KEY] == stored(vector()), "and is replaced by a good one"


def test_another_model_has_other_vectors() -> None:
    shared = FakeCache()
    EmbeddingCache([shared], BUNDLE, DIM).set(IMAGE, seen())
    assert EmbeddingCache([shared], "c" * 64, DIM).get(IMAGE) is None


def test_another_tier_has_other_vectors() -> None:
    cache = EmbeddingCache([FakeCache()], BUNDLE, DIM)
    cache.set(IMAGE, seen(1), "best")
    cache.set(IMAGE, seen(2), "fast")
    for seed, tier in enumerate(("best", "fast"), 1):
        assert np.array_equal(cache.get(IMAGE, tier).vector, vector(seed))
    assert cache.get(IMAGE, "balanced") is None


def test_a_failing_cache_is_told_and_gone_around() -> None:
    near, far = FakeCache(), FakeCache()
    cache = EmbeddingCache([near, far], BUNDLE, DIM)
    assert not cache.degraded
    far.down = True
    cache.set(IMAGE, seen())
    assert cache.degraded
    assert np.array_equal(cache.get(IMAGE).vector, vector())


def test_without_caches_nothing_is_kept() -> None:
    cache = EmbeddingCache([], BUNDLE, DIM)
    cache.set(IMAGE, seen())
    assert cache.get(IMAGE) is None
    assert not cache.degraded
