"""A result, or the error that took its place: one bad query of a batch fails alone."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from service.core.errors import VitrineError

_T = TypeVar("_T")
_P = ParamSpec("_P")


def attempt(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | VitrineError:
    """Return what the call gives, or what it raises on purpose."""
    try:
        return call(*args, **kwargs)
    except VitrineError as exc:
        return exc


def succeeded(outcome: _T | VitrineError) -> _T:
    """Return the result, or raise the error."""
    if isinstance(outcome, VitrineError):
        raise outcome
    return outcome
