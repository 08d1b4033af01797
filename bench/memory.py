"""What a process holds in memory, and what of some files the machine does; Linux only."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path


def peak_megabytes() -> float:
    """Return the most resident memory there ever was, files that are mapped included."""
    return _status("VmHWM")


def own_megabytes() -> float:
    """Return what is resident now and is no file: what no other process can share."""
    return _status("RssAnon")


def drop_from_cache(files: Iterable[Path]) -> None:
    """Ask the kernel to forget what it has read of files; what a process has touched stays."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def resident_megabytes(pid: int) -> float:
    """Return what a process has resident now, files that are mapped included."""
    return _status("VmRSS", pid)


@asynccontextmanager
async def watching(pid: int, every_seconds: float) -> AsyncIterator[list[tuple[float, float]]]:
    """Lend a list that grows by (seconds since the start, resident megabytes) while it runs."""
    begun, seen = time.perf_counter(), list[tuple[float, float]]()

    async def look() -> None:
        while True:
            seen.append((time.perf_counter() - begun, resident_megabytes(pid)))
            await asyncio.sleep(every_seconds)

    task = asyncio.create_task(look())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _status(name: str, pid: int | str = "self") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(name))
    return round(int(kilobytes) * 1024 / 1e6, 1)
