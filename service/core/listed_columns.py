"""The fields of a growing list of products as columns, so that a filter looks at all at once.

    products -> every value of a field as a number, and the number of its product
             -> the values that a condition wants -> their products

A column is made when a filter first asks for its field, and takes in what came since when one asks
again.
"""

import math
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from service.core.filter_match import EXACT, Bits, Fields, check_range, folded, operands, within
from service.core.filters import Condition, Exists, Range
from service.core.growing import Growing
from service.core.product_kinds import FieldKind, as_kind
from service.core.types import Scalar


class ListedColumns:
    """Columns of products that may become more; safe to call from several threads."""

    def __init__(self, products: Sequence[Fields]) -> None:
        """Look at a list of what `Product.fields()` returned, which may grow at its end alone."""
        self.products = products
        self._columns: dict[tuple[str, FieldKind], _Column] = {}
        self._lock = Lock()

    def holding(self, condition: Condition, kind: FieldKind, count: int) -> Bits:
        """Return which of the first `count` products meet a condition.

        Raises:
            InvalidFilterError: A field of this kind cannot be compared so.
        """
        key = condition.key
        with self._lock:
            column = self._columns.setdefault((key, kind), _Column(key, kind))
            column.extend(self.products, count)
            return column.holding(condition, count)


class _Column:
    """One field: its values in order of their products, several of one, none of another."""

    def __init__(self, key: str, kind: FieldKind) -> None:
        self._key = key
        self._kind = kind
        self._seen = 0
        self._owners = Growing(np.empty(0, np.int32))
        self._numbers = Growing(np.empty(0, np.float64))
        self._codes: dict[str, int] = {}

    def extend(self, products: Sequence[Fields], count: int) -> None:
        """Take in those of the first `count` products that are new."""
        if count <= self._seen:
            return
        owners: list[int] = []
        numbers: list[float] = []
        for owner in range(self._seen, count):
            held = as_kind(products[owner].get(self._key), self._kind)
            for value in held if isinstance(held, tuple) else () if held is None else (held,):
                if isinstance(value, str):
                    self._codes.setdefault(self._compared(value), len(self._codes))
                owners.append(owner)
                numbers.append(self._number(value))
        self._owners.extend(np.array(owners, np.int32))
        self._numbers.extend(np.array(numbers, np.float64))
        self._seen = count

    def holding(self, condition: Condition, count: int) -> Bits:
        """Return which of the first `count` products meet a condition."""
        owners = self._owners.view()
        end = int(np.searchsorted(owners, count))
        owners, wanted = owners[:end], self._wanted(condition, self._numbers.view()[:end])
        found = np.zeros(count, np.bool_)
        found[owners if wanted is None else owners[wanted]] = True
        return ~found if condition.test == Exists(False) else found

    def _wanted(self, condition: Condition, numbers: NDArray[np.float64]) -> Bits | None:
        """Return which values are wanted; None is all."""
        key, test = condition.key, condition.test
        if isinstance(test, Exists):
            return None
        if isinstance(test, Range):
            check_range(key, self._kind)
            return within(numbers, test)
        sought = [self._number(value) for value in operands(key, test, self._kind)]
        return np.isin(numbers, np.array(sought, np.float64))

    def _number(self, value: Scalar) -> float:
        """Return the number that stands for a value; a text that no product has has none."""
        if not isinstance(value, str):
            return float(value)
        return self._codes.get(self._compared(value), math.nan)

    def _compared(self, text: str) -> str:
        return text if self._key in EXACT else folded(text)
