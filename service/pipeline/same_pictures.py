"""Pictures that are the same but for their encoding: pairs of neighbours -> confirmed -> joined.

A cosine alone cannot tell: two black wallets photographed alike reach 0.998, a copy saved at half
its size may fall to 0.99. So vectors propose a pair and its pixels decide (docs/catalog-report.md).
"""

import numpy as np
from numpy.typing import NDArray

from service.core.looks import COPY_DIFFERENCE
from service.pipeline.picture_looks import Looks
from service.pipeline.picture_neighbours import Near

PROPOSED = 0.98
"""Cosine of a pair whose pixels are compared."""
CERTAIN = 0.999
"""Cosine of a pair that counts where a small picture is missing, and pixels cannot be compared."""


class SamePictures:
    """Joins rows whose pictures are the same."""

    def __init__(self, places: NDArray[np.int64], looks: Looks) -> None:
        """Begin with none joined.

        Args:
            places: (rows,), each row's place in `looks`; -1 for those not looked at.
            looks: Of the pictures.
        """
        self._places = places
        self._looks = looks
        self._parent = np.arange(len(places))

    def copies(self, near: Near) -> NDArray[np.bool_]:
        """Say which of the neighbours are the asking picture, or copies of it, (b, k)."""
        found = np.maximum(near.rows, 0)
        proposed = (near.rows >= 0) & (near.similarities >= PROPOSED)
        asking, other = np.nonzero(proposed)
        a, b = self._places[near.asked[asking]], self._places[found[asking, other]]
        cells = self._looks.cells
        differences = np.abs(cells[a].astype(np.int16) - cells[b]).max(axis=1, initial=0)
        seen = self._looks.seen[a] & self._looks.seen[b]
        certain = near.similarities[asking, other] >= CERTAIN
        same = np.zeros(near.rows.shape, np.bool_)
        same[asking, other] = np.where(seen, differences <= COPY_DIFFERENCE, certain)
        same |= near.rows == near.asked[:, np.newaxis]
        return same

    def join(self, near: Near, copies: NDArray[np.bool_]) -> None:
        """Join each asking row with its copies."""
        asking, other = np.nonzero(copies & (near.rows != near.asked[:, np.newaxis]))
        found = near.rows[asking, other]
        for a, b in zip(near.asked[asking].tolist(), found.tolist(), strict=True):
            self._parent[self._root(a)] = self._root(b)

    def roots(self) -> NDArray[np.int64]:
        """Return a (rows,) number of each row's group; alike for all that were joined."""
        return np.array([self._root(row) for row in range(len(self._parent))], np.int64)

    def _root(self, row: int) -> int:
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]  # halves the way for whoever comes next
            row = int(parent[row])
        return row
