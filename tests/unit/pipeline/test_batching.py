"""Natural batching: idle takes one at once, busy takes all that waits, nobody waits for ever."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Semaphore

import numpy as np
import pytest

from service.core.types import Pixels, Vectors
from service.pipeline.batching import Batcher
from support.fakes import FakeEncoder
from support.live_server import eventually

PATIENCE_SECONDS = 20  # no test waits this long unless it fails


class GatedEncoder(FakeEncoder):
    """Says when a run begins, and finishes none before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = Semaphore(0)
        self.let = Semaphore(0)
        self.failure: Exception | None = None

    def encode(self, images: Pixels) -> Vectors:
        self.begun.release()
        assert self.let.acquire(timeout=PATIENCE_SECONDS)
        vectors = super().encode(images)
        if self.failure:
            raise self.failure
        return vectors


class Callers:
    """Threads that each embed one picture; the encoder is busy from the first one on."""

    def __init__(self, pool: ThreadPoolExecutor, encoder: GatedEncoder, max_batch: int) -> None:
        self.encoder = encoder
        self.batcher = Batcher(encoder, max_batch=max_batch)
        self._pool = pool

    def call(self, seed: int) -> "Future[np.ndarray]":
        return self._pool.submit(self.batcher.encode, picture(seed))

    def wait_until_busy(self) -> None:
        assert self.encoder.begun.acquire(timeout=PATIENCE_SECONDS)

    def wait_until_queued(self, count: int) -> None:
        eventually(lambda: len(self.batcher._waiting) == count)


@contextmanager
def callers(max_batch: int = 16) -> Iterator[Callers]:
    encoder = GatedEncoder()
    with ThreadPoolExecutor(32) as pool:
        try:
            yield Callers(pool, encoder, max_batch)
        finally:
            encoder.let.release(1000)


def picture(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_an_idle_encoder_takes_a_picture_at_once_in_its_callers_thread() -> None:
    encoder = FakeEncoder()
    vector = Batcher(encoder).encode(picture(0))
    assert np.array_equal(vector, FakeEncoder().encode(picture(0)[None])[0])
    assert encoder.batches == [1]


def test_a_busy_encoder_takes_all_that_waits_up_to_max_batch() -> None:
    with callers(max_batch=4) as group:
        futures = [group.call(0)]
        group.wait_until_busy()
        futures += [group.call(i) for i in range(1, 8)]
        group.wait_until_queued(7)
        group.encoder.let.release(10)
        vectors = [future.result(PATIENCE_SECONDS) for future in futures]
    assert group.encoder.batches == [1, 4, 3]
    expected = FakeEncoder().encode(np.stack([picture(i) for i in range(8)]))
    np.testing.assert_allclose(np.stack(vectors), expected, atol=1e-6)


def test_the_encoder_is_idle_again_once_everyone_was_served() -> None:
    with callers() as group:
        for seed in range(3):
            future = group.call(seed)
            group.wait_until_busy()
            group.encoder.let.release()
            future.result(PATIENCE_SECONDS)
    assert group.encoder.batches == [1, 1, 1]


def test_a_failure_reaches_everyone_of_its_run_and_the_next_run_goes_on() -> None:
    with callers() as group:
        group.encoder.failure = RuntimeError("out of memory")
        futures = [group.call(0)]
        group.wait_until_busy()
        futures += [group.call(i) for i in range(1, 4)]
        group.wait_until_queued(3)
        group.encoder.let.release(2)
        for future in futures:
            with pytest.raises(RuntimeError, match="out of memory"):
                future.result(PATIENCE_SECONDS)
        group.encoder.failure = None
        group.encoder.let.release()
        group.call(0).result(PATIENCE_SECONDS)


def test_an_encoder_that_answers_too_little_fails_the_run_and_not_the_queue() -> None:
    class Short(FakeEncoder):
        def encode(self, images: Pixels) -> Vectors:
            return super().encode(images)[1:]

    batcher = Batcher(Short())
    for _ in range(2):
        with pytest.raises(ValueError, match="0 vectors for 1 pictures"):
            batcher.encode(picture(0))


def test_many_callers_each_get_their_own_vector() -> None:
    encoder = FakeEncoder()
    batcher = Batcher(encoder, max_batch=5)
    with ThreadPoolExecutor(16) as pool:
        vectors = list(pool.map(batcher.encode, [picture(i) for i in range(200)]))
    expected = FakeEncoder().encode(np.stack([picture(i) for i in range(200)]))
    np.testing.assert_allclose(np.stack(vectors), expected, atol=1e-6)
    assert sum(encoder.batches) == 200
    assert max(encoder.batches) <= 5


def test_pictures_that_come_together_are_one_run_however_many() -> None:
    encoder = FakeEncoder()
    pixels = np.stack([picture(i) for i in range(40)])
    seen = Batcher(encoder, max_batch=16).see(pixels)
    assert encoder.batches == [40]
    vectors = np.stack([each.vector for each in seen])
    np.testing.assert_allclose(vectors, FakeEncoder().encode(pixels), atol=1e-6)


def test_who_does_not_fit_beside_others_waits_for_the_next_run() -> None:
    with callers(max_batch=4) as group:
        futures = [group.call(0)]
        group.wait_until_busy()
        together = group._pool.submit(group.batcher.see, np.stack([picture(1)] * 3))
        group.wait_until_queued(1)
        futures.append(group.call(2))
        group.wait_until_queued(2)
        last = group._pool.submit(group.batcher.see, np.stack([picture(3)] * 2))
        group.wait_until_queued(3)
        group.encoder.let.release(10)
        vectors = [future.result(PATIENCE_SECONDS) for future in futures]
        several = [each.vector for job in (together, last) for each in job.result(PATIENCE_SECONDS)]
    assert group.encoder.batches == [1, 4, 2]
    expected = FakeEncoder().encode(np.stack([picture(i) for i in (0, 2, 1, 1, 1, 3, 3)]))
    np.testing.assert_allclose(np.stack(vectors + several), expected, atol=1e-6)


def test_every_picture_gets_its_own_names() -> None:
    encoder = FakeEncoder(heads=True)
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[0, ..., 2] = pixels[1, ..., 0] = pixels[2, ..., 1] = 255
    seen = Batcher(encoder).see(pixels)
    labels = encoder.manifest.heads[0].labels
    assert [labels[each.heads["colour"].argmax()] for each in seen] == ["Blue", "Red", "Green"]
    assert all(each.heads["colour"].sum() == pytest.approx(1, abs=1e-6) for each in seen)
