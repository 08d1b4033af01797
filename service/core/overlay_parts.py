"""The parts of an `Overlay`: each answers for a snapshot and for a delta as if they were one.

row or product number -> below the snapshot's count? -> the snapshot's | the delta's
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from service.core.delta import DeltaView
from service.core.filters import Condition, Exists, Filter
from service.core.product_kinds import FieldKind
from service.core.snapshot import IndexedVectors, ProductFields, Snapshot, VectorIndex
from service.core.tombstones import Tombstones
from service.core.types import AttributeValue, Vectors


@dataclass(frozen=True, slots=True)
class OverlayIndex:
    """Satisfies `VectorIndex`: exact wherever the base is."""

    base: VectorIndex
    delta: DeltaView
    tombstones: Tombstones

    def __len__(self) -> int:
        """Vectors held, dead ones too."""
        return len(self.base) + len(self.delta)

    def search(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return similarities and row numbers, both (n, k), best first; dead rows are never found.

        k is `limit`, or the number of rows alive (and marked) if that is less.
        """
        end = len(self.base)
        old, old_rows = self._search_base(vectors, limit, None if rows is None else rows[:end])
        new, new_rows = self.delta.search(vectors, limit, None if rows is None else rows[end:])
        similarities = np.concatenate([old, new], axis=1)
        numbers = np.concatenate([old_rows, new_rows + end], axis=1)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :limit]
        return np.take_along_axis(similarities, order, 1), np.take_along_axis(numbers, order, 1)

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how the base goes about so many marked rows; the delta's are always read."""
        return self.base.way(limit, kept)

    def _search_base(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Search the rows alive; without a filter, a mask of nearly all is left for later."""
        alive, dead = self.tombstones.alive, len(self.tombstones.rows)
        if not dead:
            return self.base.search(vectors, limit, rows)
        if rows is not None:
            return self.base.search(vectors, limit, rows & alive)
        similarities, found = self.base.search(vectors, limit + min(dead, limit))
        living = alive[found]
        wanted = min(limit, len(alive) - dead)
        if (living.sum(axis=1) < wanted).any():
            return self.base.search(vectors, limit, alive)
        order = np.argsort(~living, axis=1, kind="stable")[:, :wanted]
        return np.take_along_axis(similarities, order, 1), np.take_along_axis(found, order, 1)


@dataclass(frozen=True, slots=True)
class OverlayVectors:
    """Satisfies `IndexedVectors`."""

    base: IndexedVectors
    delta: DeltaView

    def __len__(self) -> int:
        """Vectors held, dead ones too."""
        return len(self.base) + len(self.delta)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the (m, dim) vectors of m rows."""
        late = rows >= len(self.base)
        vectors = np.empty((len(rows), self.delta.vectors.shape[1]), np.float32)
        vectors[~late] = self.base.take(rows[~late])
        vectors[late] = self.delta.take(rows[late] - len(self.base))
        return vectors


@dataclass(frozen=True, slots=True)
class OverlayNumbers:
    """The number of each row's product."""

    base: Snapshot
    delta: DeltaView

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the (m,) numbers of m rows' products."""
        late = rows >= len(self.base.product_rows)
        numbers = np.empty(len(rows), np.int32)
        numbers[~late] = self.base.product_rows[rows[~late]]
        own = self.delta.product_rows[rows[late] - len(self.base.product_rows)]
        numbers[late] = own + len(self.base.fields)
        return numbers


@dataclass(frozen=True, slots=True)
class OverlayFields:
    """Satisfies `ProductFields`; the kinds are the base's, wherever it has the field."""

    base: ProductFields
    delta: DeltaView

    def __len__(self) -> int:
        """Products there are, dead ones too."""
        return len(self.base) + len(self.delta.fields)

    def kinds(self) -> Mapping[str, FieldKind]:
        """Return what each field of either holds, by name."""
        return self.delta.fields.kinds()

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        """Return which products match, (products,); raises InvalidFilterError."""
        new = self.delta.fields.matching(wanted)  # first, since it knows every field
        return np.concatenate([self.base.matching(within(wanted, self.base.kinds())), new])

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return a field of these products; None where it is missing; raises InvalidFilterError."""
        late = products >= len(self.base)
        new = iter(self.delta.fields.values(key, products[late] - np.int32(len(self.base))))
        old: Iterator[AttributeValue | None] = itertools.repeat(None)
        if key in self.base.kinds():
            old = iter(self.base.values(key, products[~late]))
        return [next(new if each else old) for each in late.tolist()]


class Joined(Sequence[str]):
    """Two sequences as one, read one by one; the second may be longer than is told of here."""

    def __init__(self, first: Sequence[str], second: Sequence[str], second_count: int) -> None:
        self._first = first
        self._second = second
        self._count = len(first) + second_count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(self._count))]
        if not 0 <= row < self._count:
            raise IndexError(row)
        return self._first[row] if row < len(self._first) else self._second[row - len(self._first)]


def within(wanted: Filter, kinds: Mapping[str, FieldKind]) -> Filter:
    """Return the filter as it is for products that have no fields but these: others are gaps."""

    def known(condition: Condition) -> Condition:
        if condition.key in kinds:
            return condition
        holds = condition.test == Exists(False)
        return Condition("id", Exists(holds))  # which every product has

    return Filter(
        must=tuple(map(known, wanted.must)),
        should=tuple(map(known, wanted.should)),
        must_not=tuple(map(known, wanted.must_not)),
    )
