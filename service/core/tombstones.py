"""Rows of a snapshot that are no longer so: their product was changed or deleted since.

ids of products -> found by their hashes -> their rows -> marked dead, in a copy of one mask
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.growing import Growing
from service.core.snapshot import Snapshot

_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Those of one snapshot after one write.

    Attributes:
        alive: (rows of the snapshot,) bool.
        rows: (dead rows,) their numbers.
        products: (dead products,) a row of each.
    """

    alive: NDArray[np.bool_]
    rows: NDArray[np.int64]
    products: NDArray[np.int64]


class Graveyard:
    """Buries products of one snapshot; for one writer at a time."""

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self._places: _Places | None = None
        self._sought: set[str] = set()
        self._alive = np.ones(len(base.index), np.bool_)
        self._rows = Growing(np.empty(0, np.int64))
        self._products = Growing(np.empty(0, np.int64))

    def bury(self, product_ids: Iterable[str]) -> Tombstones:
        """Mark every row of these products, where they have any, and show the whole."""
        new = [id_ for id_ in product_ids if id_ not in self._sought]
        self._sought.update(new)
        found = self._rows_of(new)
        if found:
            rows = np.concatenate(found)
            self._alive = self._alive.copy()
            self._alive[rows] = False
            self._rows.extend(rows)
            self._products.extend(np.array([each[0] for each in found], np.int64))
        return Tombstones(self._alive, self._rows.view(), self._products.view())

    def prepare(self) -> None:
        """Read the snapshot's ids, for which the first write would wait; any thread may."""
        self._found_places()

    def _rows_of(self, product_ids: Collection[str]) -> list[NDArray[np.int64]]:
        if not product_ids or not len(self._base.fields):
            return []
        return self._found_places().find(product_ids)

    def _found_places(self) -> "_Places":
        if self._places is None:  # two threads that find it so make it twice, and no harm
            self._places = _Places(self._base)
        return self._places


class _Places:
    """Where the rows of each product of a snapshot are: 20 bytes a product, 4 a row."""

    def __init__(self, base: Snapshot) -> None:
        self._fields = base.fields
        count = len(base.fields)
        parts = [
            np.array([hash(id_) for id_ in self._ids(first, min(first + _BATCH, count))], np.int64)
            for first in range(0, count, _BATCH)
        ]
        hashes = np.concatenate([np.empty(0, np.int64), *parts])
        self._numbers = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._numbers]
        self._rows = np.argsort(base.product_rows, kind="stable").astype(np.int32)
        counts = np.bincount(base.product_rows, minlength=count)
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts

    def find(self, product_ids: Collection[str]) -> list[NDArray[np.int64]]:
        """Return the rows of each of the products that there is."""
        hashes = np.array([hash(id_) for id_ in product_ids], np.int64)
        firsts = np.searchsorted(self._hashes, hashes, "left").tolist()
        lasts = np.searchsorted(self._hashes, hashes, "right").tolist()
        candidates = [
            (id_, number)
            for id_, first, last in zip(product_ids, firsts, lasts, strict=True)
            for number in self._numbers[first:last].tolist()
        ]
        numbers = np.array([number for _, number in candidates], np.int32)
        ids = self._fields.values("id", numbers)
        return [
            self._rows[self._starts[number] : self._ends[number]].astype(np.int64)
            for (wanted, number), id_ in zip(candidates, ids, strict=True)
            if wanted == id_
        ]

    def _ids(self, first: int, last: int) -> list[object]:
        return list(self._fields.values("id", np.arange(first, last, dtype=np.int32)))
