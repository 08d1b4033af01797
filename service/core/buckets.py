"""Batches of few sizes, for runs that are prepared for a size: CUDA graphs, engines, fixed memory.

pictures -> parts of at most 32 -> each the first rows of the smallest size that holds it

A batch of 5 runs as one of 8 does, its last picture three times more, whose results are dropped.
"""

from collections.abc import Iterator

SIZES = (1, 2, 4, 8, 16, 32)


def size_for(count: int) -> int:
    """Return the smallest size that holds `count` pictures, of which there is 1 to 32."""
    return next(size for size in SIZES if size >= count)


def parts(count: int) -> Iterator[tuple[slice, int]]:
    """Yield which of `count` pictures run together, in order, and at what size."""
    for first in range(0, count, SIZES[-1]):
        part = slice(first, min(first + SIZES[-1], count))
        yield part, size_for(part.stop - part.start)
