"""Every picture of a snapshot looked at once: image ids -> small pictures (threads) -> looks.

Memory holds `CELLS` bytes a picture; small pictures are read, decoded and dropped.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.cores import core_count
from service.core.looks import CELLS, Look, look
from service.core.store import ThumbnailStore

_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Looks:
    """What n pictures look like.

    Attributes:
        cells: (n, CELLS) uint8; zeros where `seen` is not set.
        seen: (n,), whether there is a small picture that can be decoded.
        blank: (n,), whether nothing is to be seen on it.
    """

    cells: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    blank: NDArray[np.bool_]


def look_at_all(
    image_ids: Sequence[str],
    pictures: NDArray[np.int64],
    thumbnails: ThumbnailStore,
    progress: Callable[[int], None],
) -> Looks:
    """Look at the pictures of these rows.

    Args:
        image_ids: Of every row.
        pictures: (n,) rows.
        thumbnails: Their small pictures.
        progress: Told how many more were looked at.
    """
    n = len(pictures)
    looks = Looks(np.zeros((n, CELLS), np.uint8), np.zeros(n, np.bool_), np.zeros(n, np.bool_))

    def look_at(row: int) -> Look | None:
        small = thumbnails.get(image_ids[row])
        return look(small) if small else None

    with ThreadPoolExecutor(core_count()) as pool:
        for start in range(0, n, _BLOCK):
            rows = pictures[start : start + _BLOCK].tolist()
            for place, found in enumerate(pool.map(look_at, rows), start):
                if found:
                    looks.cells[place], looks.blank[place] = found.cells, found.blank
                    looks.seen[place] = True
            progress(len(rows))
    return looks
