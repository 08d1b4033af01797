"""Natural batching: an idle encoder takes a picture at once, a busy one all that queued since.

    submit -> bounded queue -> worker: first + all waiting, up to max_batch -> encode -> futures

No timer: a batch forms only while the encoder is busy, so a lone request never waits for company.
"""

from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from service.core.errors import OverloadedError
from service.core.types import Encoder, Pixels

_Job = tuple[Pixels, "Future[NDArray[np.float32]]"]


class Batcher:
    """One worker thread in front of an encoder."""

    def __init__(self, encoder: Encoder, *, max_batch: int = 16, max_queue: int = 256) -> None:
        """Start the worker.

        Args:
            encoder: What runs the batches.
            max_batch: Pictures a run.
            max_queue: Pictures that may wait; more are refused.
        """
        self._encoder = encoder
        self._max_batch = max_batch
        self._queue: Queue[_Job | None] = Queue(max_queue)
        self._worker = Thread(target=self._work, name="encoder", daemon=True)
        self._worker.start()

    def submit(self, pixels: Pixels) -> "Future[NDArray[np.float32]]":
        """Queue one (size, size, 3) picture; the future gives its (dim,) vector.

        Raises:
            OverloadedError: The queue is full.
        """
        future: Future[NDArray[np.float32]] = Future()
        try:
            self._queue.put_nowait((pixels, future))
        except Full as exc:
            raise OverloadedError("the service is at capacity; try again in a moment") from exc
        return future

    def close(self) -> None:
        """Finish what is queued, then stop the worker."""
        self._queue.put(None)
        self._worker.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            jobs, closing = self._gather(job)
            self._encode([j for j in jobs if j[1].set_running_or_notify_cancel()])
            if closing:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < self._max_batch:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _encode(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            vectors = self._encoder.encode(np.stack([pixels for pixels, _ in jobs]))
        except Exception as exc:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for _, future in jobs:
                future.set_exception(exc)
            return
        for (_, future), vector in zip(jobs, vectors, strict=True):
            future.set_result(vector)
