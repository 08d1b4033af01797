"""How long things are kept, by the settings."""

from contextlib import ExitStack
from typing import Any

import pytest

from service.caches import make_caches
from service.core.caching import lifetime
from service.settings import Settings

NOWHERE = "redis://192.0.2.1:6379"


def longest(cache: Any) -> float:
    return max(lifetime(cache._ttl_seconds, f"key {number}") for number in range(2000))


@pytest.mark.parametrize("redis_url", [None, NOWHERE])
@pytest.mark.parametrize("seconds", [1, 300, 3600])
def test_answers_go_in_time_and_their_pictures_stay_half_an_hour_longer(
    redis_url: str | None, seconds: int
) -> None:
    with ExitStack() as stack:
        caches = make_caches(Settings(redis_url=redis_url, result_seconds=seconds), stack)
        assert len(caches.results) == len(caches.pictures) == (2 if redis_url else 1)
        together = sum(longest(cache) for cache in caches.results)
        assert 0.85 * seconds < together <= seconds, "one after the other"
        for cache in caches.pictures:
            assert cache._ttl_seconds >= 1800 + together  # type: ignore[attr-defined]


def test_answers_are_kept_nowhere_if_so_set() -> None:
    with ExitStack() as stack:
        caches = make_caches(Settings(redis_url=NOWHERE, result_seconds=0), stack)
        assert caches.results == []
        assert [(each.name, each.level) for each in caches.named] == [
            ("embeddings", "memory"),
            ("embeddings", "redis"),
            ("pictures", "memory"),
            ("pictures", "redis"),
            ("refused", "memory"),
        ]
