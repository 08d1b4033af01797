"""What a snapshot's products are called and labelled: fields -> codes to count, words to show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.core.filters import text_of
from service.core.quality import Shared, Shown
from service.core.snapshot import Snapshot
from service.core.types import AttributeValue

_BATCH = 65_536


class Labels:
    """One field of every product as numbers; texts that differ in case alone are one label.

    Attributes:
        names: What each code stands for, as it is spelled first.
        codes: (products,) int32; -1 where the field is missing.
    """

    def __init__(self, snapshot: Snapshot, field: str) -> None:
        """Read the field; raises InvalidFilterError where there is none of this name."""
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._product_rows = snapshot.product_rows
        self.codes: NDArray[np.int32] = np.full(len(snapshot.fields), -1, np.int32)
        for start in range(0, max(len(self.codes), 1), _BATCH):
            block = self.codes[start : start + _BATCH]
            products = np.arange(start, start + len(block), dtype=np.int32)
            block[:] = [self._code(value) for value in snapshot.fields.values(field, products)]

    def _code(self, value: AttributeValue | None) -> int:
        """Number a label; that of a list is all of it."""
        text = words(value)
        if not text:
            return -1
        code = self._numbers.setdefault(text.casefold(), len(self.names))
        if code == len(self.names):
            self.names.append(text)
        return code

    def of_pictures(self, first: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return a code a row; -1 where the products that share the picture differ.

        Args:
            first: (rows,) what `first_rows` returns.
        """
        codes = self.codes[self._product_rows]
        differing = np.zeros(len(codes), np.bool_)
        differing[first[codes != codes[first]]] = True
        return np.where(differing[first], np.int32(-1), codes)


class Shower:
    """Rows of a snapshot as people are shown them."""

    def __init__(self, snapshot: Snapshot, labels: Labels) -> None:
        self._snapshot = snapshot
        self._labels = labels

    def __call__(self, row: int) -> Shown:
        """Return one row with its title and label."""
        product = self._snapshot.product_rows[row : row + 1]
        code = int(self._labels.codes[product[0]])
        return Shown(
            product_id=self._snapshot.product_ids[row],
            image_id=self._snapshot.image_ids[row],
            title=words(self._snapshot.fields.values("title", product)[0]),
            label=self._labels.names[code] if code >= 0 else "",
        )

    def shared(self, rows: Sequence[int]) -> Shared:
        """Return rows that have one picture."""
        shown = tuple(self(row) for row in rows)
        return Shared(
            shown=shown,
            products=len({each.product_id for each in shown}),
            labels=len({each.label.casefold() for each in shown if each.label}),
            exact=len({each.image_id for each in shown}) == 1,
        )


def words(value: AttributeValue | None) -> str:
    """Write the value of a field for people; nothing where there is none."""
    values = value if isinstance(value, tuple) else (value,)
    return ", ".join(text_of(each) for each in values if each is not None)


def first_rows(image_ids: Sequence[str]) -> NDArray[np.int64]:
    """Return, (rows,), the first row that has each row's picture."""
    ids = np.array([image_ids[row].encode() for row in range(len(image_ids))], np.bytes_)
    _, first, numbers = np.unique(ids, return_index=True, return_inverse=True)
    return first[numbers].astype(np.int64)
