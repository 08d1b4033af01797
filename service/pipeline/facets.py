"""What there is to narrow a search by: how many of the candidates have which value of a field."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.snapshot import ProductFields
from service.core.types import Scalar

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
    # Counted as they are first: there are fewer values than products, and a field is of one kind.
    counts: Counter[Scalar] = Counter()
    for value in held:
        if isinstance(value, tuple):
            counts.update({_folded(each): each for each in reversed(value)}.values())
        else:
            counts[value] += 1
    spelled: dict[object, Scalar] = {}
    folded: Counter[object] = Counter()
    for each, count in counts.items():
        spelled.setdefault(_folded(each), each)
        folded[_folded(each)] += count
    ordered = sorted(folded.items(), key=lambda pair: (-pair[1], _order(spelled[pair[0]])))
    commonest = tuple((_shown(spelled[same]), count) for same, count in ordered[:_MAX_VALUES])
    numbers = [value for value in counts if isinstance(value, float)]
    return Facet(
        values=commonest,
        missing=len(found) - len(held),
        least=min(numbers, default=None),
        greatest=max(numbers, default=None),
    )


def _folded(value: Scalar) -> object:
    """A value as filters compare it; the type keeps 1 and true apart."""
    return type(value), value.lower() if isinstance(value, str) else value


def _order(value: Scalar) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value), "")


def _shown(value: Scalar) -> Scalar:
    return int(value) if isinstance(value, float) and value.is_integer() else value
