"""Filters as JSON: `{"must": [{"key": "brand", "match": "Nike"}], "must_not": ...}`.

    object -> clauses -> conditions -> Filter, and back

A condition is a key and one test: `match` a value, `any` of a list, a `range` of numbers, `exists`.
"""

import math
from collections.abc import Iterator, Mapping

from service.core.errors import InvalidFilterError
from service.core.filters import (
    Condition,
    Exists,
    Filter,
    OneOf,
    Range,
    Test,
    number_in,
    text_of,
)

MAX_CONDITIONS = 100
MAX_VALUES = 1000
_CLAUSES = ("must", "should", "must_not")
_BOUNDS = ("gt", "gte", "lt", "lte")


def parse_filter(value: object) -> Filter:
    """Read a filter.

    Raises:
        InvalidFilterError: It is not of that form; the message names the place and the way out.
    """
    clauses = _object(value, "filter", _CLAUSES)
    parsed = {name: tuple(_conditions(clauses[name], f"filter.{name}")) for name in clauses}
    made = Filter(**parsed)
    if sum(1 for _ in made) > MAX_CONDITIONS:
        raise InvalidFilterError(f"filter has more than {MAX_CONDITIONS} conditions")
    return made


def as_json(wanted: Filter) -> dict[str, list[dict[str, object]]]:
    """Write a filter; `parse_filter` reads it back."""
    clauses = {name: [_condition_as_json(c) for c in getattr(wanted, name)] for name in _CLAUSES}
    return {name: conditions for name, conditions in clauses.items() if conditions}


def one_of(values: tuple[str, ...], where: str) -> OneOf:
    """Make the test; raises InvalidFilterError where there are too many values, or empty ones."""
    if not values or len(values) > MAX_VALUES:
        raise InvalidFilterError(f"{where} takes 1 to {MAX_VALUES} values, not {len(values)}")
    if "" in values:
        raise InvalidFilterError(f'{where} has an empty value; use "exists" to ask for a gap')
    return OneOf(values)


def _conditions(value: object, where: str) -> Iterator[Condition]:
    if not isinstance(value, list):
        raise InvalidFilterError(f"{where} must be a list of conditions, not {_kind(value)}")
    for number, each in enumerate(value):
        yield _condition(each, f"{where}[{number}]")


def _condition(value: object, where: str) -> Condition:
    fields = _object(value, where, ("key", "match", "any", "range", "exists"))
    key = fields.get("key")
    if not isinstance(key, str) or not key:
        raise InvalidFilterError(f'{where} needs a "key": the name of a field')
    tests = sorted(fields.keys() - {"key"})
    if len(tests) != 1:
        found = " and ".join(tests) or "none"
        raise InvalidFilterError(f"{where} needs one of match, any, range and exists, not {found}")
    return Condition(key, _test(tests[0], fields[tests[0]], f"{where}.{tests[0]}"))


def _test(kind: str, value: object, where: str) -> Test:
    match kind, value:
        case "match", _:
            return one_of((_text(value, where),), where)
        case "any", list():
            return one_of(tuple(_text(each, where) for each in value), where)
        case "range", _:
            return _range(value, where)
        case "exists", bool():
            return Exists(value)
    wanted = "a list of values" if kind == "any" else "true or false"
    raise InvalidFilterError(f"{where} must be {wanted}, not {_kind(value)}")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str | bool | int | float):
        raise InvalidFilterError(f"{where} takes texts, numbers and booleans, not {_kind(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidFilterError(f"{where} takes finite numbers, not {value}")
    return text_of(value)


def _range(value: object, where: str) -> Range:
    bounds = _object(value, where, _BOUNDS)
    if not bounds:
        raise InvalidFilterError(f"{where} needs a bound: {', '.join(_BOUNDS)}")
    return Range(**{name: _bound(bounds[name], f"{where}.{name}") for name in bounds})


def _bound(value: object, where: str) -> float:
    number = None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        number = number_in(str(value))
    if number is None:
        raise InvalidFilterError(f"{where} must be a finite number, not {_kind(value)}")
    return number


def _object(value: object, where: str, known: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidFilterError(f"{where} must be an object, not {_kind(value)}")
    if unknown := sorted(value.keys() - set(known)):
        raise InvalidFilterError(
            f"{where} has unknown {', '.join(map(repr, unknown))}; known are {', '.join(known)}"
        )
    return value


def _kind(value: object) -> str:
    """Name a JSON value as its writer would, without repeating what may be long."""
    names = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    return names.get(type(value)) or repr(value)[:60]


def _condition_as_json(condition: Condition) -> dict[str, object]:
    match condition.test:
        case OneOf((value,)):
            return {"key": condition.key, "match": value}
        case OneOf(values):
            return {"key": condition.key, "any": list(values)}
        case Exists(wanted):
            return {"key": condition.key, "exists": wanted}
        case bounds:
            given = {name: getattr(bounds, name) for name in _BOUNDS}
            named = {name: bound for name, bound in given.items() if bound is not None}
            return {"key": condition.key, "range": named}
