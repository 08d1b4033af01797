"""Query pictures by id: found for a while, and never another's bytes."""

from service.adapters.memory_cache import MemoryCache
from service.core.caching import lifetime
from service.core.keys import image_digest, picture_key
from service.pipeline.recent_pictures import KEPT_SECONDS, RecentPictures
from support.fakes import FakeCache

DATA = b"the bytes of a picture"
ID = image_digest(DATA)


def test_a_picture_is_found_for_half_an_hour() -> None:
    now = [0.0]
    recent = RecentPictures([MemoryCache(1000, KEPT_SECONDS, lambda: now[0])])
    assert recent.find(ID) is None
    recent.keep(ID, DATA)
    now[0] = 30 * 60 - 1
    assert recent.find(ID) == DATA
    now[0] = lifetime(30 * 60, picture_key(ID))
    assert recent.find(ID) is None


def test_another_process_finds_what_is_shared() -> None:
    shared = FakeCache()
    RecentPictures([FakeCache(), shared]).keep(ID, DATA)
    assert RecentPictures([FakeCache(), shared]).find(ID) == DATA


def test_bytes_of_another_picture_count_as_absent() -> None:
    shared, other = FakeCache(), FakeCache()
    shared.set(picture_key(ID), b"someone else's")
    recent = RecentPictures([shared, other])
    assert recent.find(ID) is None
    other.set(picture_key(ID), DATA)
    assert recent.find(ID) == DATA


def test_a_failing_cache_is_told_and_gone_around() -> None:
    down, up = FakeCache(), FakeCache()
    recent = RecentPictures([down, up])
    assert not recent.degraded
    down.down = True
    recent.keep(ID, DATA)
    assert recent.degraded
    assert recent.find(ID) == DATA
