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
    lists = [v if isinstance(v, tuple) else (v,) for v in found if v is not None]
    spelled: dict[object, Scalar] = {}
    counts: Counter[object] = Counter()
    for values in lists:
        folded = {_folded(value): value for value in reversed(values)}
        for same, value in folded.items():
            spelled.setdefault(same, value)
        counts.update(folded.keys())
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], _order(spelled[pair[0]])))
    commonest = tuple((_shown(spelled[same]), count) for same, count in ordered[:_MAX_VALUES])
    numbers = [v for each in lists for v in each if isinstance(v, float)]
    return Facet(
        values=commonest,
        missing=len(found) - len(lists),
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
