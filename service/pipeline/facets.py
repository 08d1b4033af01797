"""What there is to narrow a search by: how many of the candidates have which value of a field."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.snapshot import ProductFields
from service.core.types import AttributeValue, Scalar

_MAX_VALUES = 50


@dataclass(frozen=True, slots=True)
class Facet:
    """A field over some products.

    Attributes:
        values: The values with the number of products that have each, most first, of equals by
            value; texts that differ in case alone are one. At most 50.
        missing: Products that have none.
        least: The least number, of a field of numbers.
        greatest: The greatest.
    """

    values: tuple[tuple[Scalar, int], ...]
    missing: int
    least: float | None = None
    greatest: float | None = None


def count_facets(
    fields: ProductFields, keys: Sequence[str], products: NDArray[np.int32]
) -> dict[str, Facet]:
    """Count the values of each field over these products; raises InvalidFilterError."""
    return {key: _facet(fields, key, products) for key in keys}


def _facet(fields: ProductFields, key: str, products: NDArray[np.int32]) -> Facet:
    found = fields.values(key, products)
    held = [value for value in found if value is not None]
    counts = _whatever_case(Counter(_once_each(held)))
    # A field is of one kind, so that its values compare, and no 1 is taken for true.
    ordered = sorted(sorted(counts), key=counts.__getitem__, reverse=True)
    numbers = [value for value in counts if isinstance(value, float)]
    return Facet(
        values=tuple((_shown(value), counts[value]) for value in ordered[:_MAX_VALUES]),
        missing=len(found) - len(held),
        least=min(numbers, default=None),
        greatest=max(numbers, default=None),
    )


def _once_each(held: Sequence[AttributeValue]) -> Iterator[Scalar]:
    """Yield the values, of a list those that differ, as they are spelled first."""
    for value in held:
        if isinstance(value, tuple):
            yield from {_folded(each): each for each in reversed(value)}.values()
        else:
            yield value


def _whatever_case(counts: Counter[Scalar]) -> Counter[Scalar]:
    """Count texts that differ in case alone as one, as it is spelled first."""
    if not isinstance(next(iter(counts), None), str):
        return counts
    spelled: dict[Scalar, Scalar] = {}
    joined: Counter[Scalar] = Counter()
    for value, count in counts.items():  # there are fewer of them than products
        joined[spelled.setdefault(_folded(value), value)] += count
    return joined


def _folded(value: Scalar) -> Scalar:
    """A value as filters compare it."""
    return value.lower() if isinstance(value, str) else value


def _shown(value: Scalar) -> Scalar:
    return int(value) if isinstance(value, float) and value.is_integer() else value
