"""What kind of values each field of the products holds: seen over all of them, then decided.

    products -> survey of their fields -> text | number | truth, one a product or many

A field is a number where every value is one, also as digits in a text: a CSV has nothing else.
What is written as codes are (`00123`, more than 15 digits) stays text, since numbers would take two
codes for one.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from service.core.filters import text_of
from service.core.types import FIELDS, AttributeValue, Scalar

FieldKind: TypeAlias = Literal["text", "number", "truth"]
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_EXACT_DIGITS = 15
_EXACT_INTEGER = 2**53
_DISTINCT = 32_768
"""Texts of a field kept in a dictionary, which is searched in place of the products."""


@dataclass(slots=True)
class Kind:
    """What was seen of one field.

    Attributes:
        many: Some product has a list of values.
        distinct: The texts seen, each with its number; None once they are too many to keep.
    """

    many: bool = False
    texts: bool = False
    numbers: bool = False
    truths: bool = False
    distinct: dict[str, int] | None = field(default_factory=dict)

    @property
    def is_truth(self) -> bool:
        """Every value is true or false."""
        return self.truths and not (self.texts or self.numbers)

    @property
    def is_number(self) -> bool:
        """Every value is a number."""
        return self.numbers and not (self.texts or self.truths)

    @property
    def holds(self) -> FieldKind:
        """What the field is compared as."""
        return "number" if self.is_number else "truth" if self.is_truth else "text"

    def see(self, value: AttributeValue | None) -> None:
        """Take account of one product's value; "" and None are none."""
        if isinstance(value, tuple):
            self.many = True
            for each in value:
                self._see(each)
        elif value is not None:
            self._see(value)

    def _see(self, value: Scalar) -> None:
        if self.texts and (self.distinct is None or value in self.distinct):
            return  # There is nothing more to learn, which is so for most values there are.
        text = text_of(value)
        if not text:
            return
        if isinstance(value, bool):
            self.truths = True
        elif number_or_none(value) is not None:
            self.numbers = True
        else:
            self.texts = True
        if self.distinct is not None:
            self.distinct.setdefault(text, len(self.distinct))
            if len(self.distinct) > _DISTINCT:
                self.distinct = None


def fixed_kinds() -> dict[str, Kind]:
    """Return the kinds of the fields that every product has, whatever their values look like."""
    kinds = {name: Kind(texts=True) for name in FIELDS}
    kinds["price"] = Kind(numbers=True)
    # As many values as products: a dictionary of them would only be in the way.
    kinds["id"].distinct = kinds["url"].distinct = None
    return kinds


def survey(kinds: dict[str, Kind], fields: Mapping[str, AttributeValue | None]) -> None:
    """Take account of one product's fields; a new field is added."""
    for key, value in fields.items():
        if key != "price":
            kinds.setdefault(key, Kind()).see(value)


def as_kind(value: AttributeValue | None, kind: FieldKind) -> AttributeValue | None:
    """Return a value as a field of this kind holds it; None is a gap, as is what is of another."""
    if isinstance(value, tuple):
        return tuple(v for v in (_scalar(each, kind) for each in value) if v is not None) or None
    return None if value is None else _scalar(value, kind)


def _scalar(value: Scalar, kind: FieldKind) -> Scalar | None:
    if kind == "number":
        return number_or_none(value)
    if kind == "truth":
        return value if isinstance(value, bool) else None
    return text_of(value) or None


def number_or_none(value: Scalar) -> float | None:
    """Return a value as the number it is, exactly, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = sum(map(str.isdigit, value))
        plain = _PLAIN_NUMBER.fullmatch(value) if digits <= _EXACT_DIGITS else None
        return float(value) + 0.0 if plain else None
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > _EXACT_INTEGER):
        return None
    return float(value) + 0.0  # of the two zeros, the one without a sign
