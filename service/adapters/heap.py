"""The C heap of a process with many threads, kept from growing by what they leave behind.

glibc gives threads up to eight arenas a core. What a search frees in one of them serves no thread
of another, so that each grows to what the largest pictures once took there: under mixed load a
process went from 290 to 350 MB in five minutes and on, with 83 MB in use all the while, and stays
at 285 MB with two arenas (bench/soak.py). Where there is no glibc nothing is done.
"""

import ctypes
import os

# Of <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_CHOSEN = {
    "MALLOC_ARENA_MAX": (_ARENA_MAX, 2),
    # Buffers of whole pictures and of batches go back to the system when they are freed.
    "MALLOC_MMAP_THRESHOLD_": (_MMAP_THRESHOLD, 1 << 20),
    "MALLOC_TRIM_THRESHOLD_": (_TRIM_THRESHOLD, 16 << 20),
}


def bound_heap() -> bool:
    """Bound the heap of this process; to be called before its threads start.

    What the environment says by glibc's own variables stands.

    Returns:
        Whether there is a glibc that took it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    chosen = [option for name, option in _CHOSEN.items() if name not in os.environ]
    taken = [mallopt(number, value) for number, value in chosen]
    return all(taken)
