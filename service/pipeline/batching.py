"""Natural batching: an idle encoder takes a picture at once, a busy one all that queued since.

    see -> a lane is free? one run in its caller's thread : queue (`batch_queue`) and wait
    lane -> who leads + a lane's share of what waits of its tier -> results to their callers
         -> anybody waits still? on with them, in a thread of the lane's own : free

No timer: a batch forms only while every lane is busy, and a lone picture runs in its caller's
thread without a hand-over. What nobody waits for any more is dropped before it is encoded. A run
that fails is halved until what fails is one picture.

An encoder may have a narrow twin, which takes no more than a lane's share of the cores. A run that
is alone then takes every core and every lane, and is over soonest so. Once there is a picture for
each lane, narrow runs go side by side: they wait for no thread but their own, and do more in all.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from service.core.errors import EncoderError, VitrineError
from service.core.types import Encoder, Pixels, Seen, Vectors
from service.pipeline.batch_queue import BatchQueue, Job, Part
from service.pipeline.outcome import succeeded
from service.pipeline.terms import EXACT, PATIENT, Terms

_NARROW_BATCH = 4
"""Pictures of a narrow run: more are hardly quicker each, and who comes next waits for all."""
_NICE = 3
"""How much a lane's own thread gives way to those that decode, search and answer: they are soon
done, and one of them may hold the interpreter, for which the others wait meanwhile."""


class Batcher:
    """Stands in front of the encoders of a bundle; safe to call from any number of threads."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_batch: int = 16,
        lanes: int = 1,
        narrow: Mapping[Encoder, Encoder] | None = None,
    ) -> None:
        """Prepare an empty queue.

        Args:
            encoder: What runs the batches of callers who name no other.
            max_batch: Pictures a run, at most.
            lanes: Runs at once.
            narrow: The narrow twins, by encoder; one without takes a lane whatever it runs.
        """
        self._encoder = encoder
        self._max_batch = max_batch
        self._lanes = lanes
        self._narrow = narrow or {}
        self._lock = Lock()
        self._queue = BatchQueue(max_batch)
        self._running = 0
        self._threads = ThreadPoolExecutor(lanes, "encode", initializer=_give_way)

    @property
    def waiting(self) -> int:
        """Pictures that no run has taken yet."""
        with self._lock:
            return self._queue.pictures

    def encode(self, pixels: Pixels, terms: Terms = EXACT) -> NDArray[np.float32]:
        """Embed one (size, size, 3) picture into its (dim,) vector; raises as `see`."""
        (seen,) = self.see(pixels[np.newaxis], terms=terms)
        return succeeded(seen).vector

    def see(
        self, pixels: Pixels, encoder: Encoder | None = None, terms: Terms = PATIENT
    ) -> list[Seen | VitrineError]:
        """Embed and name n pictures; blocks until that is done.

        Args:
            pixels: (n, size, size, 3).
            encoder: Of the tier that is wanted; by default the one given at first.
            terms: Of the request.

        Returns:
            For each picture what was seen, or EncoderError.

        Raises:
            DeadlineExceededError: The time was over before all were encoded.
            AbandonedError: Nobody waits any more, and some were not encoded.
        """
        terms.check()
        job = Job(pixels, encoder or self._encoder, terms)
        if self._enter(job):
            following = self._lead(job)
            if following is not None:
                self._threads.submit(self._go_on, following)
        self._wait_for(job)
        if job.failure is not None:
            raise job.failure
        return [job.seen[place] for place in range(len(pixels))]

    def _enter(self, job: Job) -> bool:
        """Take a lane if there is one, else join the queue."""
        with self._lock:
            leads = self._running < self._lanes
            if leads:
                self._running += 1
            else:
                self._queue.add(job)
        return leads

    def _wait_for(self, job: Job) -> None:
        """Wait until a job is done; give up where that takes too long."""
        with self._lock:
            if job.done:
                return
            woken = job.woken = Event()
        failure: VitrineError | None = None
        while failure is None:
            if woken.wait(job.terms.timeout):
                return
            failure = job.terms.failure()
        with self._lock:
            if not job.done:
                self._queue.drop(job)
                job.failure = failure

    def _go_on(self, job: Job | None) -> None:
        """Hold a lane for as long as anybody waits."""
        while job is not None:
            job = self._lead(job)

    def _lead(self, job: Job) -> Job | None:
        """Run a job and what waits like it as one batch; return who leads the next, if anybody."""
        with self._lock:
            run = self._run_of(job)
        outcomes: list[Seen | VitrineError] = []
        if run.parts:
            outcomes = _outcomes(run.encoder, _together([part.pixels for part in run.parts]))
        with self._lock:
            _deal(run.parts, outcomes)
            following = self._queue.lead()
            self._running -= run.lanes - (following is not None)
        for part in run.parts:
            if part.job.done:
                part.job.wake()
        return following

    def _run_of(self, job: Job) -> "_Run":
        """Make up a run, empty if nobody waits for it; let other lanes go on with the rest."""
        for useless in self._queue.drop_useless():
            useless.wake()
        job.failure = job.terms.failure()
        if job.failure is not None:
            job.wake()
            return _Run(job.encoder, [])
        free = self._lanes - self._running + 1
        pictures = job.rest + self._queue.pictures
        narrow = self._narrow.get(job.encoder)
        if narrow and pictures < free == self._lanes:
            self._running += self._lanes - 1
            return _Run(job.encoder, self._queue.filled(job, self._max_batch), self._lanes)
        # Of narrow runs a busy lane has its share too: it is back soon, and would find nothing.
        most = min(self._max_batch, _NARROW_BATCH) if narrow else self._max_batch
        share = -(-pictures // (self._lanes if narrow else free))
        parts = self._queue.filled(job, min(most, share))
        while self._running < self._lanes and self._queue.pictures:
            self._running += 1
            self._threads.submit(self._go_on, self._queue.lead())
        return _Run(narrow or job.encoder, parts)


@dataclass(frozen=True, slots=True)
class _Run:
    """Pictures that are encoded together, by what, and how many lanes that takes."""

    encoder: Encoder
    parts: list[Part]
    lanes: int = 1


def _outcomes(encoder: Encoder, pixels: Pixels) -> list[Seen | VitrineError]:
    """See n pictures; of those that cannot be, each fails alone."""
    try:
        return list(_each(*encoder.classify(pixels), len(pixels)))
    except Exception as exc:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
        if len(pixels) == 1:
            error = EncoderError(f"the encoder failed: {exc}")
            error.__cause__ = exc
            return [error]
    half = len(pixels) // 2
    return [*_outcomes(encoder, pixels[:half]), *_outcomes(encoder, pixels[half:])]


def _together(pictures: Sequence[Pixels]) -> Pixels:
    return np.concatenate(pictures) if len(pictures) > 1 else pictures[0]


def _deal(parts: Sequence[Part], outcomes: Sequence[Seen | VitrineError]) -> None:
    """Give the outcomes of a run to their jobs."""
    given = iter(outcomes)
    for part in parts:
        for place in range(part.start, part.start + part.count):
            part.job.seen[place] = next(given)


def _each(vectors: Vectors, heads: Mapping[str, NDArray[np.float32]], count: int) -> Iterator[Seen]:
    """Yield what belongs to each picture; raises ValueError where there is not one for each."""
    if any(len(rows) != count for rows in (vectors, *heads.values())):
        raise ValueError(f"the encoder gave {len(vectors)} vectors for {count} pictures")
    for row in range(count):
        yield Seen(vectors[row], {name: values[row] for name, values in heads.items()})


def _give_way() -> None:
    """Lower the priority of the thread that calls; only Linux has one for each."""
    if sys.platform == "linux":
        with suppress(OSError):  # where that is not allowed, it is as nice as the others
            os.nice(_NICE)
