"""A filter to the rows that may be found, remembered while a snapshot serves.

Filter -> which of the snapshot's products match -> their rows     once a snapshot
       -> which of the delta's products match                      once a write
       -> both, less what was changed or deleted -> Kept           once a write
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from service.core.filters import Filter
from service.core.overlay import LiveView, Overlay
from service.core.overlay_parts import within
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


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found out about one filter.

    Attributes:
        base: What it leaves of the snapshot.
        sequence: Of the view that `kept` is of.
    """

    base: Kept
    sequence: int
    kept: Kept

    @property
    def nbytes(self) -> int:
        both = 0 if self.kept is self.base else self.kept.rows.nbytes
        return self.base.rows.nbytes + both


class Filtering:
    """Remembers the filters used last, up to a bound in bytes; safe for several threads."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._base: Snapshot | None = None
        self._judged: OrderedDict[Filter, _Judged] = OrderedDict()
        self._bytes = 0

    def kept(self, view: LiveView, wanted: Filter) -> Kept:
        """Return what the filter leaves of the view; raises InvalidFilterError."""
        base = view.base if isinstance(view, Overlay) else view
        with self._lock:
            if self._base is not base:
                self._base = base
                self._judged.clear()
                self._bytes = 0
            known = self._judged.get(wanted)
            if known is not None:
                self._judged.move_to_end(wanted)
                if known.sequence == view.sequence:
                    return known.kept
        made = _judge(view, wanted, known)
        with self._lock:
            if self._base is base:
                self._remember(wanted, made)
        return made.kept

    def _remember(self, wanted: Filter, made: _Judged) -> None:
        """Put it last, and forget the first beyond the bound; counted, since they may be many."""
        before = self._judged.pop(wanted, None)
        self._judged[wanted] = made
        self._bytes += made.nbytes - (before.nbytes if before else 0)
        while len(self._judged) > 1 and self._bytes > self._max_bytes:
            _, gone = self._judged.popitem(last=False)
            self._bytes -= gone.nbytes


def _judge(view: LiveView, wanted: Filter, known: _Judged | None) -> _Judged:
    """Find out what is not known yet."""
    if not isinstance(view, Overlay):
        kept = _of_snapshot(view, wanted)
        return _Judged(kept, view.sequence, kept)
    new = view.delta.fields.matching(wanted)  # first, since it knows every field
    base = known.base if known is not None else None
    if base is None:
        base = _of_snapshot(view.base, within(wanted, view.base.fields.kinds()))
    return _Judged(base, view.sequence, _of_both(view, base, new))


def _of_snapshot(snapshot: Snapshot, wanted: Filter) -> Kept:
    products = snapshot.fields.matching(wanted)
    rows = products.take(snapshot.product_rows)  # in a third of the time that [] takes
    return Kept(rows, int(np.count_nonzero(rows)), int(np.count_nonzero(products)))


def _of_both(view: Overlay, base: Kept, new: NDArray[np.bool_]) -> Kept:
    """Leave out what is dead; the snapshot's part is counted by what it lost."""
    tombstones, delta = view.tombstones, view.delta
    new_rows = new[delta.product_rows] & delta.alive
    lost = int(np.count_nonzero(base.rows[tombstones.rows]))
    lost_products = int(np.count_nonzero(base.rows[tombstones.products]))
    return Kept(
        rows=np.concatenate([base.rows & tombstones.alive, new_rows]),
        count=base.count - lost + int(np.count_nonzero(new_rows)),
        products=base.products - lost_products + len(np.unique(delta.product_rows[new_rows])),
    )
