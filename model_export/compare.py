"""Two bundles on one sample of a shop's pictures: what they find, how fast, at what size.

Sample -> vectors of both -> neighbours -> P@1, overlap, differences
Side -> images a second, in alternating rounds -> Comparison
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from model_export.bundle import ExportError
from model_export.differences import Differences, find_differences
from model_export.retrieval import common, has_pairs, nearest, right_at_1
from model_export.sample import Sample
from model_export.sides import Side, bundle_megabytes, embed, pixels_for, tier_megabytes
from model_export.speed import images_per_second
from service.core.types import Vectors

NEIGHBOURS = 10
BATCHES = (1, 8)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side is worth.

    Attributes:
        p1: Share of pictures whose nearest has their label; None without labels.
        images_per_second: Of the encoder alone, for each batch size of `BATCHES`.
        tier_megabytes: Of the graph and the weights it reads.
        bundle_megabytes: Of all the bundle's files.
    """

    p1: float | None
    images_per_second: tuple[float, ...]
    tier_megabytes: float
    bundle_megabytes: float


@dataclass(frozen=True, slots=True)
class Change:
    """P@1 of B less that of A over the same pictures, and the 95 % margin of error; 0..1."""

    value: float
    margin: float


@dataclass(frozen=True, slots=True)
class Cosines:
    """Of each picture's vector by A to that by B: their mean and first percentile, -1..1."""

    mean: float
    first_percentile: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, A first, on one sample.

    Attributes:
        asked: Pictures that P@1 is over.
        neighbours: The k of `overlap`.
        overlap: Mean share of the k nearest that both found, 0..1.
        p1_change: None without labels.
        cosines: Between tiers of one bundle; None for two models, whose spaces have nothing in
            common.
    """

    sides: tuple[Side, Side]
    figures: tuple[Figures, Figures]
    pictures: int
    asked: int
    neighbours: int
    overlap: float
    p1_change: Change | None
    cosines: Cosines | None
    differences: Differences


def compare(sides: tuple[Side, Side], sample: Sample, *, rounds: int = 10) -> Comparison:
    """Measure both sides on the sample.

    Args:
        sides: A and B.
        sample: At least two pictures.
        rounds: Turns of each side when they are timed.

    Raises:
        ExportError: The sample is too small.
    """
    n = len(sample.images)
    if n < 2:
        raise ExportError("one picture has no neighbours: take a larger sample")
    vectors = (embed(sample.images, sides[0].encoder), embed(sample.images, sides[1].encoder))
    k = min(NEIGHBOURS, n - 1)
    found = (nearest(vectors[0], k), nearest(vectors[1], k))
    right = [right_at_1(v, sample.labels) for v in vectors] if has_pairs(sample.labels) else []
    rates = [_rates(sides, sample, batch, rounds) for batch in BATCHES]
    figures = [
        Figures(
            p1=float(right[i].mean()) if right else None,
            images_per_second=tuple(rate[i] for rate in rates),
            tier_megabytes=tier_megabytes(side),
            bundle_megabytes=bundle_megabytes(side),
        )
        for i, side in enumerate(sides)
    ]
    return Comparison(
        sides=sides,
        figures=(figures[0], figures[1]),
        pictures=n,
        asked=len(right[0]) if right else 0,
        neighbours=k,
        overlap=float(common(*found).mean() / k),
        p1_change=_change(right[0], right[1]) if right else None,
        cosines=_cosines(*vectors) if _one_space(sides) else None,
        differences=find_differences(vectors, found, sample.labels),
    )


def _rates(
    sides: tuple[Side, Side], sample: Sample, batch: int, rounds: int
) -> tuple[float, float]:
    # A sample smaller than the batch is gone through again.
    images = [sample.images[i % len(sample.images)] for i in range(batch)]
    runs = {
        name: partial(side.encoder.encode, pixels_for(images, side.encoder))
        for name, side in zip("ab", sides, strict=True)
    }
    rates = images_per_second(runs, batch, rounds)
    return rates["a"], rates["b"]


def _change(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> Change:
    gains = right_b.astype(np.float64) - right_a.astype(np.float64)
    return Change(float(gains.mean()), float(1.96 * gains.std() / np.sqrt(len(gains))))


def _one_space(sides: tuple[Side, Side]) -> bool:
    a, b = (side.encoder.bundle_digest for side in sides)
    return a == b


def _cosines(vectors_a: Vectors, vectors_b: Vectors) -> Cosines:
    cosines = (vectors_a * vectors_b).sum(axis=1)
    return Cosines(float(cosines.mean()), float(np.percentile(cosines, 1)))
