"""The load: searches over connections that stay open, from one small process of its own.

    pictures -> search n: picture n under a comment of its own, so that no cache has it
             -> whichever connection is free -> when each was answered -> Load

A closed loop: each connection asks again as soon as it was answered. One thread serves all of them
by `select`, so that the client takes little of the cores that it shares with the service; how much
that was is told.
"""

import itertools
import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import numpy as np

from bench.query import answer_in, connect, receive, request
from loadtests.workload import with_comment
from service.core.cores import core_count

_LEAST_ANSWERS = 3
"""Of each connection: its rate is that of the gaps between them."""

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What became of one phase, once it was warm.

    Attributes:
        rate: Answers a second.
        milliseconds: That each took.
        client_share: Of all cores, what the client itself took.
        answer_bytes: Length of the last answer's body.
    """

    rate: float
    milliseconds: tuple[float, ...]
    client_share: float
    answer_bytes: int

    def percentile(self, share: float) -> float:
        """Return milliseconds that this percentage of the answers took at most."""
        return float(np.percentile(self.milliseconds, share))


@dataclass(slots=True)
class _Connection:
    """One of the connections; a search is under way from `sent` on."""

    socket: socket.socket
    sent: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    answered: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def send(self, search: bytes) -> None:
        self.received.clear()
        self.sent = time.perf_counter()
        self.socket.sendall(search)

    def answer(self, warm: float) -> bytes | None:
        """Take what came in; None while that is not all."""
        self.received += receive(self.socket)
        body = answer_in(self.received)
        if body is not None and (now := time.perf_counter()) >= warm:
            self.answered.append(now)
            self.seconds.append(now - self.sent)
        return body

    def rate(self) -> float:
        """Answers a second, from one of its own to another: a burst of answers counts whole."""
        return (len(self.answered) - 1) / (self.answered[-1] - self.answered[0])


class Client:
    """Drives loads in the process that `client` started."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def load(
        self, address: tuple[str, int], connections: int, seconds: float, warm_up: float = 1.0
    ) -> Load:
        """Load a service; it answers nothing else meanwhile.

        Args:
            address: Of the service.
            connections: Searches in flight, all the time.
            seconds: How long it is measured, at least; each connection is answered three times.
            warm_up: Seconds before that.

        Raises:
            RuntimeError: A search was not answered, or not by a 200.
            OSError: A connection failed.
        """
        return self._pool.submit(_drive, address, connections, seconds, warm_up).result()


@contextmanager
def client(pictures: Sequence[bytes]) -> Iterator[Client]:
    """Start the process, which does nothing until it is told to load; ends it at the end.

    Args:
        pictures: JPEGs to search by, in turn.
    """
    spawn = multiprocessing.get_context("spawn")  # no copy of this process's threads and sessions
    with ProcessPoolExecutor(1, spawn, _keep, (tuple(pictures),)) as pool:
        yield Client(pool)


_searches: Iterator[bytes] = iter(())
"""Of the client's process: what is still to be sent, without end."""


def _keep(pictures: Sequence[bytes]) -> None:
    global _searches  # noqa: PLW0603 - how a pool's process is given its state
    numbered = zip(itertools.cycle(pictures), itertools.count(), strict=False)
    _searches = (request(with_comment(data, f"search {number}")) for data, number in numbered)


def _drive(address: tuple[str, int], connections: int, seconds: float, warm_up: float) -> Load:
    """Ask over all connections until time is up and each has answers enough."""
    loaded = [_Connection(connect(address)) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for each in loaded:
            selector.register(each.socket, selectors.EVENT_READ, each)
        start, processor = time.perf_counter(), time.process_time()
        for each in loaded:
            each.send(next(_searches))
        end = start + warm_up + seconds
        size = 0
        while time.perf_counter() < end or _short(loaded):
            for key, _ in _ready(selector):
                if (body := key.data.answer(start + warm_up)) is not None:
                    size = len(body)
                    key.data.send(next(_searches))
        elapsed = time.perf_counter() - start
        processor = time.process_time() - processor
    _drain(loaded)
    return Load(
        rate=sum(each.rate() for each in loaded),
        milliseconds=tuple(1000 * s for each in loaded for s in each.seconds),
        client_share=processor / elapsed / core_count(),
        answer_bytes=size,
    )


def _ready(selector: selectors.BaseSelector) -> list[tuple[selectors.SelectorKey, int]]:
    if ready := selector.select(_PATIENCE_SECONDS):
        return ready
    raise RuntimeError(f"no search was answered for {_PATIENCE_SECONDS} s")


def _short(loaded: Sequence[_Connection]) -> bool:
    return any(len(each.answered) < _LEAST_ANSWERS for each in loaded)


def _drain(loaded: Sequence[_Connection]) -> None:
    """Wait for what is under way, so that the next phase does not begin on this one's work."""
    for each in loaded:
        with closing(each.socket):
            while answer_in(each.received) is None:
                each.received += receive(each.socket)
