"""JSON to frozen dataclasses, by their annotations; what a newer service adds is passed over."""

import dataclasses
import types
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from service.client.errors import VitrineAnswerError

_T = TypeVar("_T")


def parsed(kind: type[_T], value: object) -> _T:
    """Return a JSON object as a dataclass; raises VitrineAnswerError where it does not fit."""
    made: _T = _read(kind, value, kind.__name__)
    return made


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_fields(kind, value, where)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(kind), value, where)
    if origin in (tuple, dict):
        return _read_many(kind, value, where)
    if kind is Any or origin is Literal:
        return value
    _expect(type(value) is kind or (kind is float and type(value) is int), where)
    return kind(value)


def _read_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Read `X | None`, or one of several plain kinds, which is taken as it is."""
    some = [kind for kind in kinds if kind is not type(None)]
    if len(some) > 1 or (value is None and len(some) < len(kinds)):
        return value
    return _read(some[0], value, where)


def _read_many(kind: Any, value: Any, where: str) -> Any:
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        _expect(isinstance(value, list), where)
        return tuple(_read(inner[0], each, f"{where}[{i}]") for i, each in enumerate(value))
    _expect(isinstance(value, dict), where)
    return {key: _read(inner[1], each, f"{where}.{key}") for key, each in value.items()}


def _read_fields(kind: type, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where)
    hints, given = _hints(kind), {}
    for field in dataclasses.fields(kind):
        if field.name in value:
            given[field.name] = _read(hints[field.name], value[field.name], f"{where}.{field.name}")
        else:
            _expect(field.default is not dataclasses.MISSING, f"{where}.{field.name}")
    return kind(**given)


def _expect(fits: bool, where: str) -> None:
    if not fits:
        raise VitrineAnswerError(
            f"{where} is missing or of another kind: is a Vitrine of this version at this address?"
        )
