"""Requests that want the same words at once have them read once, and fail apart."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from service.core.errors import DeadlineExceededError, EncoderError, VitrineError
from service.core.types import Seen, Vectors
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.outcome import succeeded
from service.pipeline.terms import PATIENT, Terms
from service.pipeline.texts import TextSide
from support.fakes import FakeCache
from support.live_server import eventually

DIM, THREADS, PATIENCE_SECONDS = 4, 20, 20


class Tower:
    """Reads once it is let; notes what it was asked for, and fails first as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.begun, self.go = Event(), Event()
        self.asked: list[list[str]] = []
        self.failures = failures

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        self.begun.set()
        assert self.go.wait(PATIENCE_SECONDS)
        if len(self.asked) <= self.failures:
            raise EncoderError("the tower fell")
        return np.array([np.full(DIM, len(text)) for text in texts], dtype=np.float32)


def side(tower: Tower) -> TextSide:
    return TextSide(tower, EmbeddingCache([FakeCache()], "t" * 64, DIM))


Read = dict[str, Seen | VitrineError]


def herd(texts: TextSide, tower: Tower, pool: ThreadPoolExecutor) -> "list[Future[Read]]":
    """Ask for the same words in many threads; returns once one is at it and the others wait."""
    first = pool.submit(texts.read, ["red bag"])
    assert tower.begun.wait(PATIENCE_SECONDS)
    arrived = []

    def ask() -> Read:
        arrived.append(1)
        return texts.read(["red bag"])

    others = [pool.submit(ask) for _ in range(THREADS - 1)]
    eventually(lambda: len(arrived) == THREADS - 1)
    return [first, *others]


def test_the_same_words_at_once_are_read_once() -> None:
    tower = Tower()
    texts = side(tower)
    with ThreadPoolExecutor(THREADS) as pool:
        asked = herd(texts, tower, pool)
        tower.go.set()
        read = [each.result(PATIENCE_SECONDS) for each in asked]
    assert tower.asked == [["red bag"]]
    assert all(list(succeeded(each["red bag"]).vector) == [7.0] * DIM for each in read)


def test_only_what_nobody_is_at_is_read_and_each_once() -> None:
    tower = Tower()
    texts = side(tower)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(texts.read, ["red bag"])
        assert tower.begun.wait(PATIENCE_SECONDS)
        both = pool.submit(texts.read, ["red bag", "hat", "red bag"])
        eventually(lambda: len(tower.asked) == 2)
        tower.go.set()
        assert first.result(PATIENCE_SECONDS).keys() == {"red bag"}
        assert both.result(PATIENCE_SECONDS).keys() == {"red bag", "hat"}
    assert tower.asked == [["red bag"], ["hat"]]
    assert texts.read(["hat", "red bag"]).keys() == {"red bag", "hat"}
    assert len(tower.asked) == 2, "they are cached"


def test_a_tower_that_fails_one_fails_it_alone() -> None:
    tower = Tower(failures=1)
    texts = side(tower)
    with ThreadPoolExecutor(THREADS) as pool:
        first, *others = herd(texts, tower, pool)
        tower.go.set()
        with pytest.raises(EncoderError):
            first.result(PATIENCE_SECONDS)
        assert all(each.result(PATIENCE_SECONDS).keys() == {"red bag"} for each in others)
    assert tower.asked == [["red bag"]] * 2


def test_who_cannot_wait_goes_and_the_others_are_answered() -> None:
    tower = Tower()
    texts = side(tower)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(texts.read, ["red bag"], PATIENT)
        assert tower.begun.wait(PATIENCE_SECONDS)
        hurried = Terms(deadline=time.monotonic() + 0.02)
        with pytest.raises(DeadlineExceededError):
            texts.read(["red bag"], hurried)
        assert not first.done()
        tower.go.set()
        assert first.result(PATIENCE_SECONDS).keys() == {"red bag"}
