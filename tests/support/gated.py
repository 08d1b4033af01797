"""An encoder that does not go on before it is told to, for tests of what happens meanwhile."""

import os
from threading import Semaphore, get_ident

from service.core.types import Pixels, Vectors
from support.fakes import FakeEncoder

BAD = 255
PATIENCE_SECONDS = 20  # no test waits this long unless it fails


class GatedEncoder(FakeEncoder):
    """Says when a run begins, and finishes none before it is let; fails on white pictures.

    `threads` has the thread of every run that began, `niceness` how far it gives way.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = Semaphore(0)
        self.let = Semaphore(0)
        self.threads: list[int] = []
        self.niceness: list[int] = []

    def encode(self, images: Pixels) -> Vectors:
        self.threads.append(get_ident())
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, 0))
        self.begun.release()
        assert self.let.acquire(timeout=PATIENCE_SECONDS)
        vectors = super().encode(images)
        if (images.min(axis=(1, 2, 3)) == BAD).any():
            raise RuntimeError("cannot look at white")
        return vectors

    def wait_until_busy(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE_SECONDS)

    def let_all(self) -> None:
        self.let.release(1000)
