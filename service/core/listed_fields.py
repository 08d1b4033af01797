"""Satisfies `ProductFields` over products in memory, in a list that may grow behind their backs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.core.filter_match import Fields, check_known, predicate
from service.core.filters import Filter
from service.core.product_kinds import FieldKind, as_kind
from service.core.types import AttributeValue


class ListedFields:
    """The fields of the first products of a list; safe to call from several threads."""

    def __init__(
        self, products: Sequence[Fields], count: int, kinds: Mapping[str, FieldKind]
    ) -> None:
        """Look at a list.

        Args:
            products: What `Product.fields()` returned; it may grow, at its end alone.
            count: How many of them there are for this one.
            kinds: What each field holds, in the order in which an error lists them.
        """
        self._products = products
        self._count = count
        self._kinds = kinds

    def __len__(self) -> int:
        """Products there are."""
        return self._count

    def kinds(self) -> Mapping[str, FieldKind]:
        """Return what each field holds, by name."""
        return self._kinds

    def matching(self, wanted: Filter, first: int = 0) -> NDArray[np.bool_]:
        """Return which of the products from `first` on match; raises InvalidFilterError."""
        matches = predicate(wanted, self._kinds)
        found = [matches(fields) for fields in self._products[first : self._count]]
        return np.array(found, np.bool_)

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return a field of these products; None where it is missing; raises InvalidFilterError."""
        check_known(key, self._kinds)
        kind = self._kinds[key]
        return [as_kind(self._products[number].get(key), kind) for number in products.tolist()]
