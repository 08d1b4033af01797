"""Natural batching: idle takes one at once, busy takes all that waits, nobody waits for ever."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, get_ident

import numpy as np
import pytest

from service.core.errors import (
    AbandonedError,
    DeadlineExceededError,
    EncoderError,
    VitrineError,
)
from service.core.types import Pixels, Seen, Vectors
from service.pipeline.batching import Batcher
from service.pipeline.terms import BULK, PATIENT, Terms
from support.fakes import FakeEncoder
from support.gated import BAD, PATIENCE_SECONDS, GatedEncoder
from support.live_server import eventually


class Callers:
    """Threads that each embed some pictures; the encoder is busy from the first one on."""

    def __init__(self, pool: ThreadPoolExecutor, max_batch: int, lanes: int, twin: bool) -> None:
        self.encoder, self.other, self.narrow = GatedEncoder(), GatedEncoder(), GatedEncoder()
        narrow = {self.encoder: self.narrow} if twin else None
        self.batcher = Batcher(self.encoder, max_batch=max_batch, lanes=lanes, narrow=narrow)
        self._pool = pool

    def call(self, seed: int) -> "Future[np.ndarray]":
        return self._pool.submit(self.batcher.encode, picture(seed))

    def see(
        self, *seeds: int, terms: Terms = PATIENT, encoder: FakeEncoder | None = None
    ) -> "Future[list[Seen | VitrineError]]":
        """Call, and wait until the call has been taken in."""
        before, runs = self.batcher.waiting, self.runs()
        future = self._pool.submit(self.batcher.see, pictures(*seeds), encoder, terms)
        eventually(
            lambda: self.batcher.waiting > before or self.runs() > runs or future.done(),
            seconds=PATIENCE_SECONDS,
        )
        return future

    def runs(self) -> int:
        return sum(len(each.threads) for each in (self.encoder, self.other, self.narrow))

    def wait_until_queued(self, count: int) -> None:
        eventually(lambda: self.batcher.waiting == count)

    def let_all(self) -> None:
        for each in (self.encoder, self.other, self.narrow):
            each.let_all()


@contextmanager
def callers(max_batch: int = 16, lanes: int = 1, *, twin: bool = False) -> Iterator[Callers]:
    with ThreadPoolExecutor(32) as pool:
        group = Callers(pool, max_batch, lanes, twin)
        try:
            yield group
        finally:
            group.let_all()


def picture(seed: int) -> Pixels:
    if seed == BAD:
        return np.full((32, 32, 3), BAD, np.uint8)
    return np.random.default_rng(seed).integers(0, 250, (32, 32, 3), dtype=np.uint8)


def pictures(*seeds: int) -> Pixels:
    return np.stack([picture(seed) for seed in seeds])


def holds(seen: list[Seen | VitrineError], *seeds: int) -> None:
    """Each is what the encoder makes of that picture alone."""
    expected = FakeEncoder().encode(pictures(*seeds))
    np.testing.assert_allclose(np.stack([each.vector for each in seen]), expected, atol=1e-6)


def test_an_idle_encoder_takes_a_picture_at_once_in_its_callers_thread() -> None:
    encoder = FakeEncoder()
    vector = Batcher(encoder).encode(picture(0))
    assert np.array_equal(vector, FakeEncoder().encode(picture(0)[None])[0])
    assert encoder.batches == [1]


def test_a_busy_encoder_takes_all_that_waits_up_to_max_batch() -> None:
    with callers(max_batch=4) as group:
        futures = [group.call(0)]
        group.encoder.wait_until_busy()
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
            group.encoder.wait_until_busy()
            group.encoder.let.release()
            future.result(PATIENCE_SECONDS)
    assert group.encoder.batches == [1, 1, 1]


def test_a_picture_that_cannot_be_seen_fails_alone_whoever_is_in_its_run() -> None:
    with callers() as group:
        first = group.see(0)
        good, bad, mixed = group.see(1), group.see(BAD), group.see(2, BAD, 3)
        group.let_all()
        holds(first.result(PATIENCE_SECONDS), 0)
        holds(good.result(PATIENCE_SECONDS), 1)
        two, failed, three = mixed.result(PATIENCE_SECONDS)
        holds([two, three], 2, 3)
        for error in (failed, *bad.result(PATIENCE_SECONDS)):
            assert isinstance(error, EncoderError)
            assert "cannot look at white" in str(error)
    assert group.encoder.batches[:2] == [1, 5], "apart only once they failed together"


def test_an_encoder_that_answers_too_little_fails_the_run_and_not_the_queue() -> None:
    class Short(FakeEncoder):
        def encode(self, images: Pixels) -> Vectors:
            return super().encode(images)[1:]

    batcher = Batcher(Short())
    for _ in range(2):
        with pytest.raises(EncoderError, match="0 vectors for 1 pictures"):
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


def test_pictures_that_come_together_are_run_together_as_far_as_a_run_holds() -> None:
    encoder = FakeEncoder()
    seen = Batcher(encoder, max_batch=16).see(pictures(*range(40)))
    assert encoder.batches == [16, 16, 8]
    holds(seen, *range(40))


def test_one_picture_waits_for_one_run_of_many_and_shares_the_next() -> None:
    with callers(max_batch=16) as group:
        many = group.see(*range(64))
        group.encoder.wait_until_busy()
        single = group.see(100)
        group.encoder.let.release(2)
        holds(single.result(PATIENCE_SECONDS), 100)
        assert not many.done()
        group.let_all()
        holds(many.result(PATIENCE_SECONDS), *range(64))
    assert group.encoder.batches == [16, 9, 16, 16, 8]


def test_callers_with_many_take_turns() -> None:
    with callers(max_batch=4) as group:
        first = group.see(0)
        group.encoder.wait_until_busy()
        jobs = [group.see(*range(10 * n, 10 * n + 6)) for n in (1, 2, 3)]
        ends: list[int] = []
        for number, job in enumerate(jobs):
            job.add_done_callback(lambda _, number=number: ends.append(number))
        group.let_all()
        for number, job in enumerate(jobs, 1):
            holds(job.result(PATIENCE_SECONDS), *range(10 * number, 10 * number + 6))
        holds(first.result(PATIENCE_SECONDS), 0)
    assert group.encoder.batches == [1, 4, 4, 4, 4, 2]


def test_a_run_is_of_one_tier_and_the_order_is_that_of_arrival() -> None:
    with callers() as group:
        first = group.see(0)
        group.encoder.wait_until_busy()
        dear, cheap = [], []
        for seed in range(1, 4):
            cheap.append(group.see(seed, encoder=group.other))
            dear.append(group.see(seed + 10))
        group.encoder.let.release()
        first.result(PATIENCE_SECONDS)
        assert group.other.begun.acquire(timeout=PATIENCE_SECONDS), "which came first"
        assert len(group.encoder.threads) == 1
        group.let_all()
        for seed, job in enumerate(cheap, 1):
            holds(job.result(PATIENCE_SECONDS), seed)
        for seed, job in enumerate(dear, 11):
            holds(job.result(PATIENCE_SECONDS), seed)
    assert (group.encoder.batches, group.other.batches) == ([1, 3], [3])


def test_bulk_gives_way_and_does_not_starve() -> None:
    order: list[str] = []
    with callers(max_batch=1) as group:
        first = group.see(0)
        group.encoder.wait_until_busy()
        for name, terms in [("bulk", BULK), *[("query", PATIENT)] * 8]:
            job = group.see(1, terms=terms)
            job.add_done_callback(lambda _, name=name: order.append(name))
        for done in range(9):
            group.encoder.let.release()
            eventually(lambda done=done: len(order) >= done)
        group.let_all()
        first.result(PATIENCE_SECONDS)
        eventually(lambda: len(order) == 9)
    assert order == ["query"] * 4 + ["bulk"] + ["query"] * 4


@pytest.mark.parametrize("urgency", ["interactive", "bulk"])
def test_what_nobody_waits_for_any_more_is_not_encoded(urgency: str) -> None:
    gone = Event()
    with callers() as group:
        first = group.see(0)
        group.encoder.wait_until_busy()
        left = group.see(1, terms=Terms(gone=gone, urgency=urgency))
        late = group.see(2, terms=Terms(deadline=time.monotonic() + 0.01, urgency=urgency))
        with pytest.raises(DeadlineExceededError):  # while the encoder is still busy
            late.result(PATIENCE_SECONDS)
        gone.set()
        group.encoder.let.release()
        with pytest.raises(AbandonedError):
            left.result(PATIENCE_SECONDS)
        group.let_all()
        first.result(PATIENCE_SECONDS)
        holds(group.see(3).result(PATIENCE_SECONDS), 3)
    assert group.encoder.batches == [1, 1]


def test_what_is_of_no_use_from_the_start_is_refused() -> None:
    encoder = FakeEncoder()
    with pytest.raises(DeadlineExceededError):
        Batcher(encoder).see(pictures(0), terms=Terms(deadline=time.monotonic()))
    assert encoder.batches == []


def test_many_of_one_caller_are_broken_off_between_runs() -> None:
    gone = Event()
    with callers(max_batch=4) as group:
        many = group.see(*range(12), terms=Terms(gone=gone))
        group.encoder.wait_until_busy()
        gone.set()
        group.let_all()
        with pytest.raises(AbandonedError):
            many.result(PATIENCE_SECONDS)
    assert group.encoder.batches == [4]


def test_with_two_lanes_two_run_at_once_each_in_its_callers_thread() -> None:
    def seeing(batcher: Batcher, seed: int) -> tuple[int, list[Seen | VitrineError]]:
        return get_ident(), batcher.see(pictures(seed))

    with callers(lanes=2) as group:
        futures = [group._pool.submit(seeing, group.batcher, seed) for seed in range(2)]
        group.encoder.wait_until_busy()
        group.encoder.wait_until_busy()
        waiting = [group.see(seed) for seed in range(2, 5)]
        group.let_all()
        own = {future.result(PATIENCE_SECONDS)[0] for future in futures}
        for seed, future in enumerate(waiting, 2):
            holds(future.result(PATIENCE_SECONDS), seed)
    assert len(own) == 2
    assert own == set(group.encoder.threads[:2])
    assert sum(group.encoder.batches) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_who_waited_is_encoded_in_a_lanes_thread_which_gives_way_to_all_others() -> None:
    with callers() as group:
        futures = [group.see(0)]
        group.encoder.wait_until_busy()
        futures += [group.see(seed) for seed in (1, 2)]
        group.let_all()
        for seed, future in enumerate(futures):
            holds(future.result(PATIENCE_SECONDS), seed)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    lone, together = group.encoder.niceness
    assert (lone, together) == (own, min(19, own + 3)), "a lone run is in its caller's thread"


def test_with_two_lanes_what_one_caller_brings_is_for_both() -> None:
    with callers(max_batch=8, lanes=2) as group:
        many = group.see(*range(12))
        group.encoder.wait_until_busy()
        group.encoder.wait_until_busy()  # while the first run goes on
        group.let_all()
        holds(many.result(PATIENCE_SECONDS), *range(12))
    assert group.encoder.batches == [6, 6]


def test_a_run_that_is_alone_has_every_core_and_every_lane() -> None:
    with callers(lanes=2, twin=True) as group:
        first = group.see(0)
        second = group.see(1)
        assert group.batcher.waiting == 1, "though there is a second lane"
        group.encoder.let.release(2)
        holds(first.result(PATIENCE_SECONDS), 0)
        holds(second.result(PATIENCE_SECONDS), 1)
    assert (group.encoder.batches, group.narrow.batches) == ([1, 1], [])


def test_with_a_picture_for_each_lane_narrow_runs_go_side_by_side() -> None:
    with callers(lanes=2, twin=True) as group:
        first = group.see(0)
        waiting = [group.see(seed) for seed in range(1, 6)]
        group.encoder.let.release()
        group.narrow.wait_until_busy()
        group.narrow.wait_until_busy()
        group.narrow.let.release(3)
        holds(first.result(PATIENCE_SECONDS), 0)
        for seed, future in enumerate(waiting, 1):
            holds(future.result(PATIENCE_SECONDS), seed)
        last = group.see(6)
        group.encoder.let.release()
        holds(last.result(PATIENCE_SECONDS), 6)
    assert sorted(group.narrow.batches) == [1, 1, 3], "the busy lane has a share of what is left"
    assert group.encoder.batches == [1, 1], "alone again"


def test_who_comes_while_a_narrow_run_goes_on_takes_the_lane_that_is_free() -> None:
    with callers(lanes=2, twin=True) as group:
        many = group.see(0, 1)
        group.narrow.wait_until_busy()
        group.narrow.wait_until_busy()
        group.narrow.let.release()
        late = group.see(2)
        group.narrow.wait_until_busy()
        group.let_all()
        holds(many.result(PATIENCE_SECONDS), 0, 1)
        holds(late.result(PATIENCE_SECONDS), 2)
    assert (group.encoder.batches, group.narrow.batches) == ([], [1, 1, 1])


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_whatever_comes_everyone_is_answered_and_every_lane_is_free_again(
    lanes: int, twin: bool
) -> None:
    encoders, narrow = [FakeEncoder(), FakeEncoder()], FakeEncoder()
    twins = {encoders[0]: narrow} if twin else None  # the other runs as it is
    batcher = Batcher(encoders[0], max_batch=6, lanes=lanes, narrow=twins)

    def call(seed: int) -> Callable[[], None] | None:
        rng = np.random.default_rng(seed)
        seeds = rng.integers(0, 200, rng.integers(1, 20)).tolist()
        left = Event()
        deadline = time.monotonic() + rng.choice([0.0005, 0.005, PATIENCE_SECONDS])
        terms = Terms(
            deadline=float(deadline), gone=left, urgency="bulk" if seed % 3 else "interactive"
        )
        if seed % 7 == 0:
            left.set()
        try:
            seen = batcher.see(pictures(*seeds), encoders[seed % 2], terms)
        except (DeadlineExceededError, AbandonedError):
            return None
        return lambda: holds(seen, *seeds)

    with ThreadPoolExecutor(16) as pool:
        checks = [check for check in pool.map(call, range(300)) if check]
    for check in checks:
        check()
    assert len(checks) >= 80
    assert batcher.waiting == 0
    assert max(batch for each in (*encoders, narrow) for batch in each.batches) <= 6
    assert bool(narrow.batches) == twin
    assert batcher._running == 0


def test_every_picture_gets_its_own_names() -> None:
    encoder = FakeEncoder(heads=True)
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[0, ..., 2] = pixels[1, ..., 0] = pixels[2, ..., 1] = 255
    seen = Batcher(encoder).see(pixels)
    labels = encoder.manifest.heads[0].labels
    assert [labels[each.heads["colour"].argmax()] for each in seen] == ["Blue", "Red", "Green"]
    assert all(each.heads["colour"].sum() == pytest.approx(1, abs=1e-6) for each in seen)
