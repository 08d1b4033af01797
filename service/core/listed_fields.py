"""Satisfies `ProductFields` over products in memory, in a list that may grow behind their backs."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from service.core.filter_match import check_known, matching
from service.core.filters import Condition, Filter
from service.core.listed_columns import ListedColumns
from service.core.product_kinds import FieldKind, as_kind
from service.core.types import AttributeValue


class ListedFields:
    """The fields of the first products of a list; safe to call from several threads."""

    def __init__(self, columns: ListedColumns, count: int, kinds: Mapping[str, FieldKind]) -> None:
        """Look at a list.

        Args:
            columns: Of its products, which may become more.
            count: How many of them there are for this one.
            kinds: What each field holds, in the order in which an error lists them.
        """
        self._columns = columns
        self._count = count
        self._kinds = kinds

    def __len__(self) -> int:
        """Products there are."""
        return self._count

    def kinds(self) -> Mapping[str, FieldKind]:
        """Return what each field holds, by name."""
        return self._kinds

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        """Return which products match, (products,); raises InvalidFilterError."""
        return matching(wanted, self._holds, self._count)

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return a field of these products; None where it is missing; raises InvalidFilterError."""
        check_known(key, self._kinds)
        held, kind = self._columns.products, self._kinds[key]
        return [as_kind(held[number].get(key), kind) for number in products.tolist()]

    def _holds(self, condition: Condition) -> NDArray[np.bool_]:
        check_known(condition.key, self._kinds)
        return self._columns.holding(condition, self._kinds[condition.key], self._count)
