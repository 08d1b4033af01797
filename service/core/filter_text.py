r"""Filters as people type them: `brand:nike,puma price:10..199 -colour:"dark red" gtin:*`.

    text -> clauses -> Filter, all of whose clauses must hold

    clause   key:value, after a `-` one that must not hold
    value    red             equal to it
             red,blue        equal to any of them
             10..199         a number within, bounds included; either may be left out
             *               the field has a value, whatever it is
    "..."    a key, or one of the values, with blanks, commas, colons or stars in it;
             a quotation mark within is written \" and a backslash \\

A text that begins with `{` is the JSON form instead.
"""

import json
import re

from service.core.errors import InvalidFilterError
from service.core.filter_json import MAX_CONDITIONS, one_of, parse_filter
from service.core.filters import Condition, Exists, Filter, Range, Test, number_in

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_CLAUSE = re.compile(
    rf'\s*(?P<negated>-?)(?P<key>{_QUOTED}|[^\s:",]+):(?P<value>(?:{_QUOTED}|[^\s"])+)(?=\s|$)'
)
_ITEM = re.compile(rf'(?P<quoted>{_QUOTED})|(?P<bare>[^",]*)')
_FORMS = 'clauses are key:value, key:a,b, key:10..199 or key:*; quote what has blanks: brand:"A B"'


def parse_filter_text(text: str) -> Filter:
    """Read a filter in the short form, or in JSON.

    Raises:
        InvalidFilterError: It is neither; the message shows where, and what is possible.
    """
    text = text.strip()
    if text.startswith("{"):
        try:
            return parse_filter(json.loads(text))
        except (ValueError, RecursionError) as exc:
            raise InvalidFilterError(f"filter is not JSON: {exc}") from exc
    must: list[Condition] = []
    must_not: list[Condition] = []
    position = 0
    while position < len(text):
        found = _CLAUSE.match(text, position)
        if found is None:
            raise InvalidFilterError(f"filter at {text[position:].strip()[:40]!r}: {_FORMS}")
        key = _unquoted(found["key"])
        (must_not if found["negated"] else must).append(Condition(key, _test(found["value"], key)))
        position = found.end()
    if not 0 < len(must) + len(must_not) <= MAX_CONDITIONS:
        raise InvalidFilterError(f"filter has no condition, or over {MAX_CONDITIONS}: {_FORMS}")
    return Filter(must=tuple(must), must_not=tuple(must_not))


def _test(value: str, key: str) -> Test:
    if value == "*":
        return Exists(True)
    if bounds := _range(value):
        return bounds
    return one_of(tuple(_items(value, key)), f"filter {key}")


def _range(value: str) -> Range | None:
    """Read `10..199`, `10..` or `..199`; anything else is no range, even with dots in it."""
    low, dots, high = value.partition("..")
    gte, lte = number_in(low), number_in(high)
    sound = (
        dots and (low or high) and (gte is not None or not low) and (lte is not None or not high)
    )
    return Range(gte=gte, lte=lte) if sound else None


def _items(value: str, key: str) -> list[str]:
    items, position = [], 0
    while True:
        found = _ITEM.match(value, position)
        assert found is not None  # a bare item may be empty, and is then refused as such
        items.append(_unquoted(found[0]))
        position = found.end()
        if position == len(value):
            return items
        if value[position] != ",":
            raise InvalidFilterError(f"filter {key}: a quotation ends before its value; {_FORMS}")
        position += 1


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text.startswith('"') else text
