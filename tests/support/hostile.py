"""One picture that a stranger may send, and how it may end."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hostile:
    """A name, how to make its bytes, and the error codes it may end in; None is a sound decode."""

    name: str
    make: Callable[[], bytes]
    ends: frozenset[str | None]


def case(name: str, make: Callable[[], bytes] | bytes, *ends: str | None) -> Hostile:
    """Shorten the making of one."""
    return Hostile(name, (lambda: make) if isinstance(make, bytes) else make, frozenset(ends))
