"""What the encoder gives by itself: `session.run` in a loop, in whichever way is fastest here.

    pixels, decoded already -> set-ups: batch size x threads of a run x runs side by side
                            -> a short try of each -> the best two -> measured in every round

Nothing of the service takes part, but the graph that it runs.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from service.core.types import Pixels

_BATCHES = (1, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class SetUp:
    """A way to run a session.

    Attributes:
        batch: Pictures a run.
        threads: Of one run.
        runs: Side by side, each called by a thread of its own.
    """

    batch: int
    threads: int
    runs: int


def set_ups(cores: int, batches: Sequence[int] = _BATCHES) -> list[SetUp]:
    """Return what is tried: every core in one run, a run a core, and two runs on every core."""
    ways = dict.fromkeys([(cores, 1), (1, cores), (cores, 2)])
    return [SetUp(batch, *way) for way in ways for batch in batches]


class Raw:
    """Runs one graph over pictures that are decoded already."""

    def __init__(self, graph: Path, pixels: Pixels) -> None:
        """Open nothing yet.

        Args:
            graph: The tier's file.
            pixels: (n, size, size, 3) uint8; n at least as large as any batch.
        """
        self._graph = graph
        self._pixels = pixels
        self._sessions: dict[int, ort.InferenceSession] = {}

    def best(self, tried: Sequence[SetUp], seconds: float, keep: int = 2) -> dict[SetUp, float]:
        """Return the fastest set-ups and their images a second, best first; drops the others."""
        rates = {each: self.rate(each, seconds) for each in tried}
        found = dict(sorted(rates.items(), key=lambda pair: -pair[1])[:keep])
        used = {each.threads for each in found}
        self._sessions = {n: each for n, each in self._sessions.items() if n in used}
        return found

    def rate(self, how: SetUp, seconds: float) -> float:
        """Return images a second, over at least this long and two runs of each thread."""
        session = self._session(how.threads)
        start = threading.Barrier(how.runs)

        def loop(first: int) -> float:
            place = first * how.batch
            self._run(session, place, how.batch)  # the first allocates
            start.wait()
            began, done = time.perf_counter(), 0
            while done < 2 or time.perf_counter() - began < seconds:
                place = (place + how.batch) % len(self._pixels)
                self._run(session, place, how.batch)
                done += 1
            return done * how.batch / (time.perf_counter() - began)

        with ThreadPoolExecutor(how.runs) as pool:
            return sum(pool.map(loop, range(how.runs)))

    def _run(self, session: ort.InferenceSession, place: int, count: int) -> None:
        first = min(place, len(self._pixels) - count)
        session.run(["embedding"], {"images": self._pixels[first : first + count]})

    def _session(self, threads: int) -> ort.InferenceSession:
        if threads not in self._sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = threads
            options.log_severity_level = 3
            self._sessions[threads] = ort.InferenceSession(
                self._graph, options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[threads]


def told(found: dict[SetUp, float]) -> list[dict[str, Any]]:
    """Return set-ups and their rates as JSON takes them."""
    return [asdict(each) | {"images_per_second": round(rate, 1)} for each, rate in found.items()]
