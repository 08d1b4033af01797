"""The C heap of a process with many threads, kept from growing by what they leave behind.

    bound_heap     few arenas, and large buffers apart from them
    trimming_heap  what is free between what is not goes back to the system now and then

glibc gives threads up to eight arenas a core. What a search frees in one of them serves no thread
of another, so that each grows to what the largest pictures once took there: under mixed load a
process went from 290 to 350 MB in five minutes and on, with 83 MB in use all the while. With two
arenas it went to 311, of which 17 were free and went back when asked (bench/soak.py). Where there
is no glibc nothing is done.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

# Of <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_CHOSEN = {
    "MALLOC_ARENA_MAX": (_ARENA_MAX, 2),
    # Buffers of whole pictures and of batches go back to the system when they are freed.
    "MALLOC_MMAP_THRESHOLD_": (_MMAP_THRESHOLD, 1 << 20),
    "MALLOC_TRIM_THRESHOLD_": (_TRIM_THRESHOLD, 16 << 20),
}

_TRIM_SECONDS = 20.0


def bound_heap() -> bool:
    """Bound the heap of this process; to be called before its threads start.

    What the environment says by glibc's own variables stands.

    Returns:
        Whether there is a glibc that took it.
    """
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return False
    chosen = [option for name, option in _CHOSEN.items() if name not in os.environ]
    taken = [mallopt(number, value) for number, value in chosen]
    return all(taken)


@contextmanager
def trimming_heap(every_seconds: float = _TRIM_SECONDS) -> Iterator[None]:
    """Give back what is free, so often, while the block runs; other threads go on meanwhile."""
    trim = _glibc("malloc_trim")
    if trim is None:
        yield
        return
    end = Event()

    def loop() -> None:
        while not end.wait(every_seconds):
            trim(0)

    thread = Thread(target=loop, name="heap", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _glibc(name: str) -> Callable[..., int] | None:
    """Return a function of glibc, for which the interpreter's lock is let go; None without it."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return found
