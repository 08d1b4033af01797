"""What the processes of a session took of the processor; Linux only.

A share of time that others took does not count, so that these figures hold on a machine that does
something else besides.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SESSION, _USER, _SYSTEM = 3, 11, 12
"""Places in /proc/PID/stat behind the name."""


def processor_seconds(session: int) -> float:
    """Return what all processes of a session have taken so far, threads and the kernel included."""
    ticks = sum(
        int(fields[_USER]) + int(fields[_SYSTEM])
        for fields in _stats()
        if int(fields[_SESSION]) == session
    )
    return ticks / os.sysconf("SC_CLK_TCK")


def _stats() -> Iterator[list[str]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            yield path.read_text().rpartition(")")[2].split()
