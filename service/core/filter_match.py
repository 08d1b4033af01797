"""How a filter is put to products, wherever their fields are kept: a snapshot's, or in memory.

    Filter -> each condition, checked by its field's kind -> who meets it -> who meets them all

What is refused, and in which words, is decided here for both; docs/filters.md has the semantics.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.errors import InvalidFilterError
from service.core.filters import Condition, Filter, OneOf, Range, number_in
from service.core.product_kinds import FieldKind
from service.core.types import AttributeValue, Scalar

EXACT = ("id", "url")
"""Fields of texts that differ when they differ in case."""
_NAMED: Mapping[FieldKind, str] = {
    "number": "numbers",
    "truth": "true or false",
    "text": "texts",
}

Bits: TypeAlias = NDArray[np.bool_]
Fields: TypeAlias = Mapping[str, AttributeValue | None]
"""What `Product.fields()` returns."""


def matching(wanted: Filter, holds: Callable[[Condition], Bits], count: int) -> Bits:
    """Return which of `count` products match, (count,).

    Args:
        wanted: What is asked of them.
        holds: Returns which of them meet a condition; what it raises is raised.
        count: Products there are.
    """
    kept = np.ones(count, np.bool_)
    for condition in wanted.must:
        kept &= holds(condition)
    if wanted.should:
        kept &= reduce(np.logical_or, map(holds, wanted.should))
    for condition in wanted.must_not:
        kept &= ~holds(condition)
    return kept


def within(numbers: NDArray[np.float64], bounds: Range) -> Bits:
    """Return which of some numbers are within bounds; NaN never is."""
    found = ~np.isnan(numbers)
    if bounds.gt is not None:
        found &= numbers > bounds.gt
    if bounds.gte is not None:
        found &= numbers >= bounds.gte
    if bounds.lt is not None:
        found &= numbers < bounds.lt
    if bounds.lte is not None:
        found &= numbers <= bounds.lte
    return found


def check_known(key: str, fields: Iterable[str]) -> None:
    """Refuse a field that there is not; raises InvalidFilterError, which lists those there are."""
    known = list(fields)
    if key not in known:
        raise InvalidFilterError(f"there is no field {key!r}; the fields are: {', '.join(known)}")


def check_range(key: str, kind: FieldKind) -> None:
    """Refuse a range of what is no number; raises InvalidFilterError."""
    if kind != "number":
        raise InvalidFilterError(
            f"{key!r} holds {_NAMED[kind]}, and a range needs a field all of whose values "
            'are numbers; use "match" or "any"'
        )


def operands(key: str, test: OneOf, kind: FieldKind) -> list[Scalar]:
    """Return what a field is compared with, as it holds it; raises InvalidFilterError."""
    if kind == "text":
        return list(test.values)
    truths = {"true": True, "false": False}
    read = _number if kind == "number" else lambda text: truths.get(text.lower())
    found: list[Scalar] = []
    for text in test.values:
        value = read(text)
        if value is None:
            raise InvalidFilterError(f"{key!r} holds {_NAMED[kind]}, and {text[:60]!r} is none")
        found.append(value)
    return found


def folded(text: str) -> str:
    """Lower-case a text letter by letter, as Arrow does.

    `str.lower` looks at a letter's neighbours too (a sigma that ends a word). A letter that came to
    Unicode after the tables of this Python keeps its case.
    """
    if text.isascii():
        return text.lower()
    return "".join("i" if letter == "\u0130" else letter.lower() for letter in text)


def _number(text: str) -> float | None:
    number = number_in(text)
    return None if number is None else number + 0.0
