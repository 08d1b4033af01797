"""The neighbours of every picture: rows -> vectors, a block a thread -> index -> rows, in order.

A block is dropped once it was looked at, so that memory does not grow with the catalogue.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.cores import core_count
from service.core.snapshot import Snapshot
from service.core.types import Vectors

_BLOCK = 64
"""Lossy codes are rescored from the vectors of all candidates: 64 queries may read 60 MB."""
_WINDOW = 64


@dataclass(frozen=True, slots=True)
class Near:
    """The neighbours of some pictures.

    Attributes:
        asked: (b,) rows that asked.
        similarities: (b, k), falling.
        rows: (b, k) found; -1 for none. The row that asked may be among them.
    """

    asked: NDArray[np.int64]
    similarities: Vectors
    rows: NDArray[np.int64]


def neighbours(snapshot: Snapshot, pictures: NDArray[np.int64], depth: int) -> Iterator[Near]:
    """Yield the `depth` nearest of these rows among themselves, block by block."""
    marked = None
    if len(pictures) < len(snapshot.index):
        marked = np.zeros(len(snapshot.index), np.bool_)
        marked[pictures] = True

    def search(start: int) -> Near:
        asked = pictures[start : start + _BLOCK]
        vectors = snapshot.vectors.take(asked)
        return Near(asked, *snapshot.index.search(vectors, depth, marked))

    starts = range(0, len(pictures), _BLOCK)
    with ThreadPoolExecutor(core_count()) as pool:
        for first in range(0, len(starts), _WINDOW):
            yield from pool.map(search, starts[first : first + _WINDOW])
