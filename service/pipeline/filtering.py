"""A filter to the rows of a snapshot that may be found, remembered while that snapshot serves.

Filter -> which products match (`ProductFields`) -> which rows are theirs -> Kept
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from service.core.filters import Filter
from service.core.snapshot import Snapshot

_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """What a filter leaves.

    Attributes:
        rows: (rows of the index,) bool.
        count: How many of them.
        products: How many products these are of.
    """

    rows: NDArray[np.bool_]
    count: int
    products: int


class Filtering:
    """Remembers the filters used last, up to a bound in bytes; safe for several threads."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._snapshot: Snapshot | None = None
        self._kept: OrderedDict[Filter, Kept] = OrderedDict()

    def kept(self, snapshot: Snapshot, wanted: Filter) -> Kept:
        """Return what the filter leaves of the snapshot; raises InvalidFilterError."""
        with self._lock:
            if self._snapshot is not snapshot:
                self._snapshot = snapshot
                self._kept.clear()
            found = self._kept.get(wanted)
            if found is not None:
                self._kept.move_to_end(wanted)
                return found
        made = _evaluate(snapshot, wanted)
        with self._lock:
            if self._snapshot is snapshot:
                self._kept[wanted] = made
                self._kept.move_to_end(wanted)
            while len(self._kept) > 1 and self._bytes() > self._max_bytes:
                self._kept.popitem(last=False)
        return made

    def _bytes(self) -> int:
        return sum(kept.rows.nbytes for kept in self._kept.values())


def _evaluate(snapshot: Snapshot, wanted: Filter) -> Kept:
    products = snapshot.fields.matching(wanted)
    rows = products[snapshot.product_rows]
    return Kept(rows, int(np.count_nonzero(rows)), int(np.count_nonzero(products)))
