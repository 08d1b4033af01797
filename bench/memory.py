"""What this process holds in memory, and what of some files the machine does; Linux only."""

import os
from collections.abc import Iterable
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


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(name))
    return round(int(kilobytes) * 1024 / 1e6, 1)
