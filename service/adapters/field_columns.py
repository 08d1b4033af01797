"""One field of a snapshot's products, in the form in which it answers fastest.

    Arrow column -> texts of a dictionary: a code a product, of two bytes at most   (`Coded`)
                 -> numbers: a float a product                                      (`Numbers`)
                 -> other texts, truths, lists: as they are mapped from disk        (`Mapped`)

Codes and numbers are copied from the map, all chunks into one array. What a text is compared with
is lower-cased by the function that lower-cases the column, so that neither can differ from the
other.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.core.filter_match import Bits, within
from service.core.filters import Range
from service.core.types import AttributeValue, Scalar

_FEW = 8
"""So many codes are compared in the time that looking all of them up takes."""


class FieldColumn(Protocol):
    """One field of every product; safe to call from several threads."""

    def present(self) -> Bits:
        """Return which products have a value, (products,)."""
        ...

    def among(self, wanted: Sequence[Scalar], *, exact: bool) -> Bits:
        """Return which have one of some values; texts may differ in case, unless `exact`."""
        ...

    def values(self, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return the values of some products; None where there is none."""
        ...


def read_column(column: pa.ChunkedArray) -> FieldColumn:
    """Return a column of a snapshot in its best form."""
    if pa.types.is_dictionary(column.type) and column.num_chunks:
        return Coded(column)
    return Numbers(column) if pa.types.is_floating(column.type) else Mapped(column)


class Coded:
    """Texts of a dictionary that all chunks share; the code after its last is of no text."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._texts = column.chunk(0).dictionary
        self._lowered = pc.utf8_lower(self._texts)
        self._shown = np.array([*self._texts.to_pylist(), None], np.object_)
        self._none = len(self._texts)
        codes = [chunk.indices.fill_null(self._none).to_numpy() for chunk in column.chunks]
        self._codes = np.concatenate(codes).astype(np.min_scalar_type(self._none))

    def present(self) -> Bits:
        """Return which products have a text."""
        found: Bits = self._codes != self._none
        return found

    def among(self, wanted: Sequence[Scalar], *, exact: bool) -> Bits:
        """Compare the texts of the dictionary, and then the products' codes with those found."""
        texts = self._texts if exact else self._lowered
        same = _bits(pc.is_in(texts, _sought(wanted, lower=not exact)))
        codes = np.flatnonzero(same)
        if len(codes) > _FEW:
            return np.append(same, False).take(self._codes)
        found = np.zeros(len(self._codes), np.bool_)
        for code in codes.tolist():
            found |= self._codes == code
        return found

    def values(self, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return the texts of some products."""
        found: list[AttributeValue | None] = self._shown[self._codes[products]].tolist()
        return found


class Numbers:
    """Finite numbers; NaN stands for none."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._numbers: NDArray[np.float64] = column.to_numpy()

    def present(self) -> Bits:
        """Return which products have a number."""
        found: Bits = ~np.isnan(self._numbers)
        return found

    def among(self, wanted: Sequence[Scalar], *, exact: bool) -> Bits:
        """Return which products have one of some numbers."""
        return np.isin(self._numbers, np.array(wanted, np.float64))

    def within(self, bounds: Range) -> Bits:
        """Return which products have a number within bounds."""
        return within(self._numbers, bounds)

    def values(self, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return the numbers of some products."""
        found: list[float] = self._numbers[products].tolist()
        return [None if math.isnan(number) else number for number in found]


class Mapped:
    """Values of any type, left where they are; a list has a value where any element does."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def present(self) -> Bits:
        """Return which products have a value."""
        return _bits(self._column.is_valid())

    def among(self, wanted: Sequence[Scalar], *, exact: bool) -> Bits:
        """Return which products have one of some values."""

        def holds(values: pa.Array) -> Bits:
            lower = pa.types.is_string(values.type) and not exact
            compared = pc.utf8_lower(values) if lower else values
            return _bits(pc.is_in(compared, _sought(wanted, lower=lower)))

        return self._where(holds)

    def within(self, bounds: Range) -> Bits:
        """Return which products have a list with a number within bounds."""
        return self._where(lambda values: within(values.to_numpy(zero_copy_only=False), bounds))

    def values(self, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return the values of some products, lists as tuples."""
        found = self._column.take(pa.array(products)).to_pylist()
        return [tuple(value) if isinstance(value, list) else value for value in found]

    def _where(self, holds: Callable[[pa.Array], Bits]) -> Bits:
        """Ask of flat values, chunk by chunk."""
        if pa.types.is_list(self._column.type):
            holds = _of_elements(holds)
        return np.concatenate([np.zeros(0, np.bool_), *map(holds, self._column.chunks)])


def _sought(wanted: Sequence[Scalar], *, lower: bool) -> pa.Array:
    values = pa.array(wanted)
    return pc.utf8_lower(values) if lower else values


def _of_elements(holds: Callable[[pa.Array], Bits]) -> Callable[[pa.Array], Bits]:
    """Ask of lists: one holds when any of its elements does."""

    def any_holds(lists: pa.Array) -> Bits:
        found = np.zeros(len(lists), np.bool_)
        parents = pc.list_parent_indices(lists).to_numpy()
        found[parents[holds(lists.flatten())]] = True
        return found

    return any_holds


def _bits(values: pa.Array | pa.ChunkedArray) -> Bits:
    bits: Bits = np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
    return bits
