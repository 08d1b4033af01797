"""Satisfies `ProductFields` over the Arrow columns of a snapshot, mapped from disk.

    Filter -> each condition -> a test of its column's kind -> which products match

What a text is compared with is lower-cased by the function that lower-cases the column, so that
neither side can differ from the other; ids and URLs are compared as they are.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.core.errors import IndexCorruptError
from service.core.filter_match import EXACT, check_known, check_range, operands
from service.core.filters import Condition, Exists, Filter, Range
from service.core.product_kinds import FieldKind
from service.core.types import AttributeValue

_Bits = NDArray[np.bool_]
_Predicate = Callable[[pa.Array], _Bits]


class ProductColumns:
    """A row a product, a column a field; safe to call from several threads."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._kinds = {field.name: _kind(field.type) for field in table.schema}

    def __len__(self) -> int:
        """Products there are."""
        return int(self._table.num_rows)

    def kinds(self) -> Mapping[str, FieldKind]:
        """Return what each field holds, by name: those of every product, then the others."""
        return self._kinds

    def matching(self, wanted: Filter) -> _Bits:
        """Return which products match, (products,); raises InvalidFilterError."""
        kept = reduce(np.logical_and, map(self._holds, wanted.must), np.ones(len(self), np.bool_))
        if wanted.should:
            kept &= reduce(np.logical_or, map(self._holds, wanted.should))
        for condition in wanted.must_not:
            kept &= ~self._holds(condition)
        return kept

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return a field of these products; None where it is missing; raises InvalidFilterError."""
        column = self._column(key).take(pa.array(products))
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)  # read in a fifth of the time
        found = column.to_pylist()
        return [tuple(value) if isinstance(value, list) else value for value in found]

    def _column(self, key: str) -> pa.ChunkedArray:
        check_known(key, self._kinds)
        return self._table[key]

    def _holds(self, condition: Condition) -> _Bits:
        """Test one field of every product."""
        column = self._column(condition.key)
        if isinstance(condition.test, Exists):
            return _bits(column.is_valid() if condition.test.wanted else column.is_null())
        predicate = _predicate(condition, self._kinds[condition.key])
        if pa.types.is_dictionary(column.type):
            predicate = _of_codes(column, predicate)
        elif pa.types.is_list(column.type):
            predicate = _of_elements(predicate)
        return np.concatenate([np.zeros(0, np.bool_), *map(predicate, column.chunks)])


def read_products(folder: Path) -> tuple[ProductColumns, NDArray[np.int32]]:
    """Map the columns and the (rows,) numbers of the rows' products; raises IndexCorruptError."""
    path = folder / "attributes.arrow"
    try:
        columns = ProductColumns(pa.ipc.open_file(pa.memory_map(str(path))).read_all())
        path = folder / "product_rows.npy"
        numbers: NDArray[np.int32] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, pa.ArrowException) as exc:
        raise IndexCorruptError(f"{path} cannot be read: run `vitrine reindex` again") from exc
    return columns, numbers


def _kind(column: pa.DataType) -> FieldKind:
    scalar = column.value_type if pa.types.is_list(column) else column
    kinds: dict[pa.DataType, FieldKind] = {pa.float64(): "number", pa.bool_(): "truth"}
    return kinds.get(scalar, "text")


def _predicate(condition: Condition, kind: FieldKind) -> _Predicate:
    """Return the test of a flat array of this kind; raises InvalidFilterError."""
    test, key = condition.test, condition.key
    assert not isinstance(test, Exists)  # needs no values, and was answered before
    if isinstance(test, Range):
        check_range(key, kind)
        return _within(test)
    wanted = pa.array(operands(key, test, kind))
    if kind != "text" or key in EXACT:
        return lambda values: _bits(pc.is_in(values, wanted))
    texts = pc.utf8_lower(wanted)
    return lambda values: _bits(pc.is_in(pc.utf8_lower(values), texts))


def _within(bounds: Range) -> _Predicate:
    tests = [
        (compare, bound)
        for compare, bound in (
            (pc.greater, bounds.gt),
            (pc.greater_equal, bounds.gte),
            (pc.less, bounds.lt),
            (pc.less_equal, bounds.lte),
        )
        if bound is not None
    ]
    return lambda values: reduce(
        np.logical_and, (_bits(compare(values, bound)) for compare, bound in tests)
    )


def _of_codes(column: pa.ChunkedArray, predicate: _Predicate) -> _Predicate:
    """Test the texts of the dictionary, which all chunks share, and look each product's up."""
    if not column.num_chunks:
        return lambda values: np.zeros(len(values), np.bool_)
    # The last place, at -1, is that of a missing value.
    allowed = np.append(predicate(column.chunk(0).dictionary), False)
    return lambda values: allowed[values.indices.fill_null(-1).to_numpy()]


def _of_elements(predicate: _Predicate) -> _Predicate:
    """Test lists: one matches when any of its elements does."""

    def holds(lists: pa.Array) -> _Bits:
        found = np.zeros(len(lists), np.bool_)
        parents = pc.list_parent_indices(lists).to_numpy()
        found[parents[predicate(lists.flatten())]] = True
        return found

    return holds


def _bits(values: pa.Array | pa.ChunkedArray) -> _Bits:
    bits: _Bits = np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
    return bits
