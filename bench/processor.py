"""What the processes of a session took of the processor, and how they take none; Linux only.

A share of time that others took does not count, so that these figures hold on a machine that does
something else besides.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SESSION, _USER, _SYSTEM = 3, 11, 12
"""Places in /proc/PID/stat behind the name."""


def processor_seconds(session: int) -> float:
    """Return what all processes of a session have taken so far, threads and the kernel included."""
    ticks = sum(
        int(fields[_USER]) + int(fields[_SYSTEM])
        for _, fields in _stats()
        if int(fields[_SESSION]) == session
    )
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def standing_still(sessions: Iterable[int]) -> Iterator[None]:
    """Stop every process of these sessions while the block runs: some poll while they are idle."""
    still = set(sessions)
    processes = [process for process, fields in _stats() if int(fields[_SESSION]) in still]
    _signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(processes, signal.SIGCONT)


def _signal(processes: Iterable[int], what: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, what)


def _stats() -> Iterator[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            yield int(path.parent.name), path.read_text().rpartition(")")[2].split()
