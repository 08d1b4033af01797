"""What is asked: pictures, words, products and vectors, one of them or a mix.

    request (`api.search_request`) -> Query, a frozen value -> `embedder` -> a unit vector

A query is parsed once, at the edge; equal sources are equal values, and are looked at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.crop import Box
from service.core.errors import InvalidQueryError
from service.core.keys import image_digest

WORDS_WEIGHT = 2.0
"""Of words beside a picture, which weighs 1: "like this, but red". Words and pictures lie so far
apart that less leaves the picture as it is (bench/matching.py)."""

_NOTHING = 1e-4
"""Length below which a mix points nowhere: rounding alone leaves as much."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture, or the part of it in a box; equal where the digests are."""

    data: bytes = field(compare=False, repr=False)
    box: Box | None = None
    image_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_id", image_digest(self.data))


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture that was a query a while ago, or is in the catalogue, by its id."""

    image_id: str
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class LinkedPicture:
    """A picture behind a URL."""

    url: str
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a person would call it."""

    text: str


@dataclass(frozen=True, slots=True)
class LikeProduct:
    """Whatever looks like a product of the catalogue, other than itself."""

    product_id: str


@dataclass(frozen=True, slots=True)
class Point:
    """A vector that the caller has, of any length but zero."""

    numbers: tuple[float, ...]


AnyPicture: TypeAlias = Picture | KnownPicture | LinkedPicture
Source: TypeAlias = AnyPicture | Words | LikeProduct | Point


@dataclass(frozen=True, slots=True)
class Part:
    """A source and how much it counts; a negative weight pushes away from it."""

    source: Source
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """One source, or several that are mixed."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, source: Source) -> "Query":
        """Ask for what is like one source."""
        return cls((Part(source),))

    @property
    def product_ids(self) -> frozenset[str]:
        """The products it names, which are no answers to it."""
        sources = (part.source for part in self.parts)
        return frozenset(s.product_id for s in sources if isinstance(s, LikeProduct))

    @property
    def comparable(self) -> bool:
        """Whether its cosines are those of one picture with others, as calibration knows them.

        Those of words and of mixes are lower, whatever they find.
        """
        return (
            len(self.parts) == 1
            and self.parts[0].weight > 0
            and not isinstance(self.parts[0].source, Words)
        )

    @property
    def shown(self) -> AnyPicture | None:
        """The picture whose heads are told: the one that counts most, of equals the first."""
        pictures = [
            (part.weight, part.source)
            for part in self.parts
            if part.weight > 0 and isinstance(part.source, Picture | KnownPicture | LinkedPicture)
        ]
        return max(pictures, key=lambda pair: pair[0])[1] if pictures else None


def mixed(vectors: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Return the weighted sum of (dim,) unit vectors, of unit length again.

    Raises:
        InvalidQueryError: They cancel out.
    """
    if len(vectors) == 1 and weights[0] > 0:
        return vectors[0]
    sum_ = np.einsum("n,nd->d", np.asarray(weights, np.float64), np.stack(vectors))
    length = float(np.linalg.norm(sum_))
    if length < _NOTHING * max(1e-12, float(np.abs(weights).sum())):
        raise InvalidQueryError(
            "the parts of the mix cancel out: give one of them more weight than what opposes it"
        )
    return np.asarray(sum_ / length, np.float32)
