"""Natural batching: an idle encoder takes a picture at once, a busy one all that queued since.

    see   -> encoder idle? lead : queue and wait
    lead  -> own pictures + all waiting, up to max_batch -> results to their callers
          -> the first still waiting leads next

No timer, and no thread of its own: a batch forms only while the encoder is busy, and a lone picture
runs in its caller's thread without a hand-over. Pictures that come together stay together.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from service.core.errors import VitrineError
from service.core.types import Encoder, Pixels, Seen, Vectors
from service.pipeline.outcome import succeeded
from service.pipeline.terms import EXACT, PATIENT, Terms


class _Job:
    """Pictures of one caller, who is woken with results, or to lead the next batch."""

    __slots__ = ("encoder", "failure", "pixels", "seen", "woken")

    def __init__(self, pixels: Pixels, encoder: Encoder) -> None:
        self.pixels = pixels
        self.encoder = encoder
        self.woken = Event()
        self.seen: list[Seen] | None = None
        self.failure: Exception | None = None


class Batcher:
    """Stands in front of an encoder; safe to call from any number of threads."""

    def __init__(self, encoder: Encoder, *, max_batch: int = 16) -> None:
        """Prepare an empty queue.

        Args:
            encoder: What runs the batches, one at a time.
            max_batch: Pictures a run, where several callers' are put together.
        """
        self._encoder = encoder
        self._max_batch = max_batch
        self._lock = Lock()
        self._waiting: deque[_Job] = deque()
        self._busy = False

    def encode(self, pixels: Pixels, terms: Terms = EXACT) -> NDArray[np.float32]:
        """Embed one (size, size, 3) picture into its (dim,) vector; blocks until it is there."""
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
        """
        terms.check()
        job = _Job(pixels, encoder or self._encoder)
        if self._must_wait(job):
            job.woken.wait()
        if job.seen is None and job.failure is None:
            self._lead(job)
        if job.failure is not None:
            raise job.failure
        assert job.seen is not None  # set by whoever led its batch
        return list(job.seen)

    def _must_wait(self, job: _Job) -> bool:
        """Take the encoder if it is idle, else join the queue."""
        with self._lock:
            if self._busy:
                self._waiting.append(job)
                return True
            self._busy = True
            return False

    def _lead(self, job: _Job) -> None:
        """Run the job and what waits as one batch, then hand the encoder on."""
        jobs = [job, *self._others(job)]
        try:
            whole = np.concatenate([each.pixels for each in jobs]) if len(jobs) > 1 else job.pixels
            seen = _each(*job.encoder.classify(whole), len(whole))
            for each in jobs:
                each.seen = [next(seen) for _ in each.pixels]
        except Exception as exc:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for each in jobs:
                each.failure = exc
        finally:
            self._hand_on()
            for each in jobs[1:]:
                each.woken.set()

    def _others(self, job: _Job) -> list[_Job]:
        """Take from the queue, in order, what of the same tier still fits beside a job."""
        jobs: list[_Job] = []
        count = len(job.pixels)
        with self._lock:
            for each in list(self._waiting):
                if each.encoder is not job.encoder or count + len(each.pixels) > self._max_batch:
                    break
                self._waiting.remove(each)
                jobs.append(each)
                count += len(each.pixels)
        return jobs

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().woken.set()
            else:
                self._busy = False


def _each(vectors: Vectors, heads: Mapping[str, NDArray[np.float32]], count: int) -> Iterator[Seen]:
    """Yield what belongs to each picture; raises ValueError where there is not one for each."""
    if any(len(rows) != count for rows in (vectors, *heads.values())):
        raise ValueError(f"the encoder gave {len(vectors)} vectors for {count} pictures")
    for row in range(count):
        yield Seen(vectors[row], {name: values[row] for name, values in heads.items()})
