"""Natural batching: an idle encoder takes a picture at once, a busy one all that queued since.

    encode -> encoder idle? lead : queue and wait
    lead   -> own picture + all waiting, up to max_batch -> results to their callers
           -> the first still waiting leads next

No timer, and no thread of its own: a batch forms only while the encoder is busy, and a lone picture
runs in its caller's thread without a hand-over.
"""

from collections import deque
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from service.core.types import Encoder, Pixels


class _Job:
    """One picture in the queue; its caller is woken with a result, or to lead the next batch."""

    __slots__ = ("failure", "pixels", "vector", "woken")

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.woken = Event()
        self.vector: NDArray[np.float32] | None = None
        self.failure: Exception | None = None


class Batcher:
    """Stands in front of an encoder; safe to call from any number of threads."""

    def __init__(self, encoder: Encoder, *, max_batch: int = 16) -> None:
        """Prepare an empty queue.

        Args:
            encoder: What runs the batches, one at a time.
            max_batch: Pictures a run.
        """
        self._encoder = encoder
        self._max_batch = max_batch
        self._lock = Lock()
        self._waiting: deque[_Job] = deque()
        self._busy = False

    def encode(self, pixels: Pixels) -> NDArray[np.float32]:
        """Embed one (size, size, 3) picture into its (dim,) vector; blocks until it is there."""
        job = _Job(pixels)
        if self._must_wait(job):
            job.woken.wait()
        if job.vector is None and job.failure is None:
            self._lead(job)
        if job.failure is not None:
            raise job.failure
        assert job.vector is not None  # set by whoever led its batch
        return job.vector

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
        with self._lock:
            others = min(self._max_batch - 1, len(self._waiting))
            jobs = [job, *(self._waiting.popleft() for _ in range(others))]
        try:
            vectors = self._encoder.encode(np.stack([each.pixels for each in jobs]))
            for each, vector in zip(jobs, vectors, strict=True):
                each.vector = vector
        except Exception as exc:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for each in jobs:
                each.failure = exc
        finally:
            self._hand_on()
            for each in jobs[1:]:
                each.woken.set()

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().woken.set()
            else:
                self._busy = False
