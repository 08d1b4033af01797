"""Requests that want the same picture at once have it decoded and encoded once; and what was found
to be no picture is not decoded again."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from service.adapters.memory_cache import MemoryCache
from service.core.crop import Box
from service.core.errors import (
    AbandonedError,
    CorruptImageError,
    DeadlineExceededError,
    ImageTooLargeError,
    OverloadedError,
    UnsupportedImageError,
    VitrineError,
)
from service.core.image import ImageLimits
from service.core.types import Pixels, Vectors
from service.pipeline.batching import Batcher
from service.pipeline.clock import Clock
from service.pipeline.decoding import Decoding
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.looking import Look, Looking
from service.pipeline.outcome import succeeded
from service.pipeline.querying import AnyPicture, Picture
from service.pipeline.recent_pictures import RecentPictures
from service.pipeline.refused_pictures import RefusedPictures
from service.pipeline.terms import PATIENT, Terms
from service.pipeline.tiering import Tiers
from support.fake_store import FakeProductStore
from support.fakes import FakeCache, FakeEncoder
from support.shops import BROKEN, picture

THREADS = 40
PATIENCE_SECONDS = 30


class GatedEncoder(FakeEncoder):
    """Encodes once it is let; `begun` tells that somebody waits for that."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = Event(), Event()

    def classify(self, images: Pixels) -> tuple[Vectors, dict[str, NDArray[np.float32]]]:
        self.begun.set()
        assert self.go.wait(PATIENCE_SECONDS)
        return super().classify(images)


class CountedDecoding(Decoding):
    """Counts the turns that were asked for."""

    asked = 0

    def turn(self, terms: Terms = PATIENT):  # type: ignore[no-untyped-def]
        self.asked += 1
        return super().turn(terms)


@pytest.fixture
def encoder() -> GatedEncoder:
    return GatedEncoder()


@pytest.fixture
def looking(encoder: GatedEncoder) -> Looking:
    return Looking(
        tiers=Tiers(encoder),
        batcher=Batcher(encoder),
        cache=EmbeddingCache([FakeCache()], encoder.bundle_digest, encoder.manifest.dim),
        recent=RecentPictures([FakeCache()]),
        stored=FakeProductStore(),
        limits=ImageLimits(max_bytes=100_000),
        decoding=CountedDecoding(),
        refused=RefusedPictures(MemoryCache(100_000)),
    )


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


def look(
    looking: Looking, *pictures: AnyPicture, terms: Terms = PATIENT
) -> list[Look | VitrineError]:
    found = looking.look(pictures, Clock(), terms)
    return [found[each] for each in pictures]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def asking(looking: Looking) -> int:
    return looking.decoding.asked  # type: ignore[attr-defined]


def vectors(done: list["Future[list[Look | VitrineError]]"]) -> list[NDArray[np.float32]]:
    return [succeeded(each).seen.vector for future in done for each in future.result()]


def test_many_who_want_one_picture_have_it_looked_at_once(
    looking: Looking, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    done = [pool.submit(look, looking, Picture(picture(1))) for _ in range(THREADS)]
    assert encoder.begun.wait(PATIENCE_SECONDS)
    encoder.go.set()
    found = vectors(done)
    assert encoder.batches == [1]
    assert asking(looking) == 1
    assert all(np.array_equal(each, found[0]) for each in found)


def test_parts_of_a_picture_are_told_apart(
    looking: Looking, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    encoder.go.set()
    boxes = [None, Box(0, 0, 0.5, 1), Box(0, 0, 1, 0.5)]
    done = [pool.submit(look, looking, Picture(picture(1), box)) for box in boxes * 5]
    found = vectors(done)
    assert sum(encoder.batches) == 3
    assert not np.array_equal(found[0], found[1])
    assert np.array_equal(found[1], found[4])


def test_two_who_want_each_others_pictures_do_not_wait_for_each_other(
    looking: Looking, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    several = [Picture(picture(number)) for number in range(6)]
    orders = [several[start:] + several[:start] for start in range(6)]
    done = [pool.submit(look, looking, *order) for order in orders * 6]
    assert encoder.begun.wait(PATIENCE_SECONDS)
    encoder.go.set()
    vectors(done)
    assert sum(encoder.batches) == 6


def test_a_leader_that_is_gone_or_late_leaves_it_to_those_who_wait(
    looking: Looking, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    gone, query = Event(), Picture(picture(2))
    with looking.decoding.turn():  # the only one who may decode, so that the leader waits
        while looking.decoding._turns.acquire(blocking=False):
            pass
        leader = pool.submit(look, looking, query, terms=Terms(gone=gone))
        until(lambda: asking(looking) == 2)
        others = [pool.submit(look, looking, query) for _ in range(5)]
        until(pool._work_queue.empty)
        gone.set()
    (outcome,) = leader.result()
    assert isinstance(outcome, AbandonedError)
    looking.decoding._turns.release()
    encoder.go.set()
    assert len(vectors(others)) == 5
    assert encoder.batches == [1]


def test_one_that_waits_gives_up_at_its_own_deadline(
    looking: Looking, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    leader = pool.submit(look, looking, Picture(picture(3)))
    assert encoder.begun.wait(PATIENCE_SECONDS)
    with pytest.raises(DeadlineExceededError):
        look(looking, Picture(picture(3)), terms=Terms(deadline=time.monotonic() + 0.02))
    encoder.go.set()
    assert len(vectors([leader])) == 1


def test_a_failure_of_the_encoder_is_shared_and_not_kept(
    looking: Looking, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    encoder.go.set()
    encoder.encode = lambda images: 1 / 0  # type: ignore[assignment,return-value]
    (outcome,) = look(looking, Picture(picture(4)))
    assert isinstance(outcome, VitrineError)
    del encoder.encode
    assert len(vectors([pool.submit(look, looking, Picture(picture(4)))])) == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (BROKEN, CorruptImageError),
        (b"no picture", UnsupportedImageError),
        (b"\xff\xd8\xff" + bytes(100_000), ImageTooLargeError),
    ],
)
def test_what_is_no_picture_is_not_decoded_again(
    looking: Looking, data: bytes, error: type[VitrineError]
) -> None:
    (first,), (again,) = look(looking, Picture(data)), look(looking, Picture(data))
    assert type(first) is type(again) is error
    assert str(first) == str(again)
    assert asking(looking) == 1
    (other,) = look(looking, Picture(data + b"."))
    assert type(other) is error
    assert asking(looking) == 2, "it is another picture"


def test_an_overload_says_nothing_of_the_picture(looking: Looking, encoder: GatedEncoder) -> None:
    encoder.go.set()
    looking.decoding._wait_seconds = 0.01
    with looking.decoding.turn():
        while looking.decoding._turns.acquire(blocking=False):
            pass
        (refused,) = look(looking, Picture(picture(5)))
        assert isinstance(refused, OverloadedError)
    (found,) = look(looking, Picture(picture(5)))
    assert isinstance(found, Look)


def test_what_is_refused_is_forgotten_after_a_while_and_bounded() -> None:
    now = [0.0]
    refused = RefusedPictures(MemoryCache(1000, 300, lambda: now[0]))
    refused.note("a", CorruptImageError("damaged: läuft nicht\nzwei"))
    with pytest.raises(CorruptImageError, match="läuft nicht\nzwei"):
        refused.check("a")
    now[0] = 331
    refused.check("a")
    for number in range(50):
        refused.note(str(number), CorruptImageError("damaged"))
    refused.check("0")
    with pytest.raises(CorruptImageError):
        refused.check("49")


def test_without_a_cache_nothing_is_refused_unseen() -> None:
    refused = RefusedPictures()
    refused.note("a", CorruptImageError("damaged"))
    refused.check("a")
