"""What the query's picture shows, in words, and whether to look among such products alone.

probabilities by head -> the likeliest labels -> sure enough of the category?
    -> the filter, narrowed to it -> enough products? -> that filter, or the one that was sent
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.core.filters import Condition, Filter, OneOf
from service.core.manifest import Head
from service.core.overlay import LiveView
from service.pipeline.filtering import Filtering, Kept

CATEGORY = "category"
"""Name of the head, and of the field of products, that narrow."""
SURE = 0.6
"""Probability from which a category narrows: bench/matching.py has what it costs and gains."""
_TOLD, _LEAST = 3, 0.01


@dataclass(frozen=True, slots=True)
class Detected:
    """A label of a head, and its probability, 0-1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What became of `category: auto`.

    Attributes:
        label: The likeliest category; None where there was nothing to detect one in.
        probability: Of it, 0-1.
        applied: Whether products of that category alone were searched.
        reason: Why not.
    """

    label: str | None
    probability: float | None
    applied: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The filter to search with, what it keeps if it was narrowed, and what to tell of it."""

    told: Narrowing
    filter: Filter
    kept: Kept | None = None


def detected(
    heads: tuple[Head, ...], probabilities: Mapping[str, NDArray[np.float32]]
) -> dict[str, tuple[Detected, ...]]:
    """Return the likeliest labels of each head, at most three of at least a hundredth."""
    told = {}
    for head in heads:
        if head.name not in probabilities:
            continue
        values: list[float] = probabilities[head.name].tolist()
        likely = [place for place, value in enumerate(values) if value >= _LEAST]
        likely.sort(key=values.__getitem__, reverse=True)  # stable: of equals the first
        told[head.name] = tuple(
            Detected(head.labels[place], values[place]) for place in likely[:_TOLD]
        )
    return told


def narrow(
    filtering: Filtering,
    snapshot: LiveView,
    wanted: Filter,
    found: Mapping[str, tuple[Detected, ...]],
    least: int,
) -> Narrowed:
    """Narrow a filter to the detected category, where that is sure and leaves `least` products."""
    if not found.get(CATEGORY):
        return Narrowed(Narrowing(None, None, False, "no category was detected"), wanted)
    best = found[CATEGORY][0]

    def declined(reason: str) -> Narrowed:
        return Narrowed(Narrowing(best.label, best.probability, False, reason), wanted)

    if best.probability < SURE:
        return declined(f"its probability is below {SURE:g}")
    narrowed = replace(wanted, must=(*wanted.must, Condition(CATEGORY, OneOf((best.label,)))))
    kept = filtering.kept(snapshot, narrowed)
    if kept.products < least:
        return declined(f"{kept.products} products of it match, fewer than were asked for")
    return Narrowed(Narrowing(best.label, best.probability, True), narrowed, kept)
