"""Satisfies `ProductFields` over the Arrow columns of a snapshot, mapped from disk.

    Filter -> each condition -> its field's column (`field_columns`) -> which products match

A column is read when a filter or a facet first asks for its field. Ids and URLs are compared as
they are, other texts in lower case.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.adapters.field_columns import FieldColumn, Mapped, Numbers, read_column
from service.core.errors import IndexCorruptError
from service.core.filter_match import EXACT, Bits, check_known, check_range, matching, operands
from service.core.filters import Condition, Exists, Filter, Range
from service.core.product_kinds import FieldKind
from service.core.types import AttributeValue


class ProductColumns:
    """A row a product, a column a field; safe to call from several threads."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._columns: dict[str, FieldColumn] = {}
        self._kinds = {field.name: _kind(field.type) for field in table.schema}

    def __len__(self) -> int:
        """Products there are."""
        return int(self._table.num_rows)

    def kinds(self) -> Mapping[str, FieldKind]:
        """Return what each field holds, by name: those of every product, then the others."""
        return self._kinds

    def matching(self, wanted: Filter) -> Bits:
        """Return which products match, (products,); raises InvalidFilterError."""
        return matching(wanted, self._holds, len(self))

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return a field of these products; None where it is missing; raises InvalidFilterError."""
        check_known(key, self._kinds)
        return self._column(key).values(products)

    def _column(self, key: str) -> FieldColumn:
        if key not in self._columns:  # two threads that find it so read it twice, and no harm
            self._columns[key] = read_column(self._table[key])
        return self._columns[key]

    def _holds(self, condition: Condition) -> Bits:
        """Test one field of every product."""
        key, test = condition.key, condition.test
        check_known(key, self._kinds)
        kind, column = self._kinds[key], self._column(key)
        if isinstance(test, Exists):
            return column.present() if test.wanted else ~column.present()
        if isinstance(test, Range):
            check_range(key, kind)
            assert isinstance(column, Numbers | Mapped)  # as fields of numbers are
            return column.within(test)
        return column.among(operands(key, test, kind), exact=key in EXACT)


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
