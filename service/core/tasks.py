"""A retrieval task: who asks, what may be found, and when a hit is right."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One picture and the labels it is judged by."""

    id: str
    data: bytes
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A retrieval task.

    Attributes:
        name: Short.
        about: What a hit means, in words.
        labels: Names of the labels; a hit is right when all agree.
        aliases: A query's label to the gallery's labels it stands for; else they must be equal.
        queries: Yields the queries.
        gallery: Yields what may be found.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    aliases: Mapping[str, frozenset[str]]
    queries: Callable[[], Iterable[Item]]
    gallery: Callable[[], Iterable[Item]]


@dataclass(frozen=True, slots=True)
class GoldenQuery:
    """A picture whose answer is known: one of these products must be found.

    Attributes:
        name: What to call it in a message.
        data: The encoded picture.
    """

    name: str
    data: bytes
    expect: frozenset[str]
