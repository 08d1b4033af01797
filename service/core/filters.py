"""What a caller asks of a product's fields: this brand, a price from 10 to 199, not sold out.

    JSON (`filter_json`) | short form (`filter_text`) -> Filter -> which products match

A filter is parsed once and is then a frozen value, equal to any other that says the same. What it
compares with is kept as text, whether `true`, 10 or "10" was sent: the field it meets says what
that means. A caller who confuses 10 with "10" is thus answered, and 1 never stands for true.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field is one of these, as `text_of` writes them."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The field is a number within these bounds; None is no bound."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value, or has none."""

    wanted: bool


Test: TypeAlias = OneOf | Range | Exists


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one field."""

    key: str
    test: Test


@dataclass(frozen=True, slots=True)
class Filter:
    """All of `must`, none of `must_not` and, where there are any, at least one of `should`."""

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()

    def __iter__(self) -> Iterator[Condition]:
        """Every condition, in whatever clause."""
        return iter((*self.must, *self.should, *self.must_not))

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.must or self.should or self.must_not)


def text_of(value: str | int | float | bool) -> str:
    """Write a value as filters and text columns have it: `true`, `10`, `0.5`, or itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def number_in(text: str) -> float | None:
    """Return the finite number that a text is, such as `-1.5` or `1e3`, or None."""
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None
