"""What was written since a snapshot was built: few rows, kept in memory, searched exactly.

    Replay's products -> rows at the end, earlier ones of the same product dead -> DeltaView

A write costs what its own rows cost, and a copy of one byte a row. Rows and products are numbered
from 0 in the order in which they came; an `Overlay` puts those numbers after its base's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.core.filter_match import Fields
from service.core.growing import Growing
from service.core.listed_columns import ListedColumns
from service.core.listed_fields import ListedFields
from service.core.product_kinds import FieldKind, Kind
from service.core.store import LiveProduct
from service.core.types import FIELDS, Vectors


@dataclass(frozen=True, slots=True)
class DeltaView:
    """A delta as it was after one write; row i of all belongs together.

    Attributes:
        vectors: (rows, dim).
        image_ids: Of the rows there are here, and perhaps of later ones.
        product_ids: Likewise.
        product_rows: (rows,), the number of each row's product in `fields`.
        alive: (rows,), false where the product was written again or deleted since.
        fields: Of every product that has rows, dead ones too.
        products: How many are alive.
    """

    vectors: Vectors
    image_ids: Sequence[str]
    product_ids: Sequence[str]
    product_rows: NDArray[np.int32]
    alive: NDArray[np.bool_]
    fields: ListedFields
    products: int

    def __len__(self) -> int:
        """Rows there are, dead ones too."""
        return len(self.alive)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the (m, dim) vectors of m rows."""
        return self.vectors[rows]

    def search(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return the exact neighbours among the rows alive, as `VectorIndex.search` does."""
        kept = np.flatnonzero(self.alive if rows is None else self.alive & rows)
        similarities = np.minimum(vectors @ self.vectors.T, np.float32(1))[:, kept]
        if 0 < limit < len(kept):
            top = np.argpartition(-similarities, limit - 1, axis=1)[:, :limit]
            similarities, numbers = np.take_along_axis(similarities, top, 1), kept[top]
        else:
            numbers = np.broadcast_to(kept, similarities.shape)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :limit]
        return np.take_along_axis(similarities, order, 1), np.take_along_axis(numbers, order, 1)

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how `search` goes about marked rows: it reads each."""
        return "scan"


class Delta:
    """Grows with every write; for one writer at a time."""

    def __init__(self, dim: int, kinds: Mapping[str, FieldKind]) -> None:
        """Begin with nothing.

        Args:
            dim: Of the vectors to come.
            kinds: What the fields of the snapshot before it hold, which decides for the delta too.
        """
        self._vectors = Growing(np.empty((0, dim), np.float32))
        self._product_rows = Growing(np.empty(0, np.int32))
        self._image_ids: list[str] = []
        self._product_ids: list[str] = []
        self._fields: list[Fields] = []
        self._columns = ListedColumns(self._fields)
        self._alive = np.empty(0, np.bool_)
        self._rows_of: dict[str, slice] = {}
        self._base_kinds = kinds
        self._new_kinds: dict[str, Kind] = {}

    def write(self, products: Mapping[str, LiveProduct | None]) -> DeltaView:
        """Take in products as they now are, None for those that are gone, and show the whole."""
        dead = [self._rows_of.pop(id_) for id_ in products if id_ in self._rows_of]
        for id_, live in products.items():
            if live is not None and live.image_ids:
                self._add(id_, live)
        added = len(self._vectors) - len(self._alive)
        alive = np.concatenate([self._alive, np.ones(added, np.bool_)])
        for rows in dead:
            alive[rows] = False
        self._alive = alive
        return self.view()

    def view(self) -> DeltaView:
        """Show what there is."""
        return DeltaView(
            vectors=self._vectors.view(),
            image_ids=self._image_ids,
            product_ids=self._product_ids,
            product_rows=self._product_rows.view(),
            alive=self._alive,
            fields=ListedFields(self._columns, len(self._fields), self._kinds()),
            products=len(self._rows_of),
        )

    def _add(self, product_id: str, live: LiveProduct) -> None:
        first, count = len(self._vectors), len(live.image_ids)
        self._vectors.extend(live.vectors)
        self._product_rows.extend(np.full(count, len(self._fields), np.int32))
        self._image_ids.extend(live.image_ids)
        self._product_ids.extend([product_id] * count)
        self._rows_of[product_id] = slice(first, first + count)
        fields = live.product.fields()
        self._fields.append(fields)
        for key in fields.keys() - self._base_kinds.keys():
            self._new_kinds.setdefault(key, Kind(distinct=None)).see(fields[key])

    def _kinds(self) -> Mapping[str, FieldKind]:
        """Return what every field holds, in the order of a snapshot's columns."""
        new = {key: kind.holds for key, kind in self._new_kinds.items()}
        if not new:
            return self._base_kinds
        every = {**self._base_kinds, **new}
        return {key: every[key] for key in (*FIELDS, *sorted(every.keys() - set(FIELDS)))}
