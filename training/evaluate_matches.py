"""Whether "the same product with probability p" is true of a share p of the answers.

held-out grocery photos, reporting half -> ten nearest of the gallery -> cosine -> logistic -> p
"""

from dataclasses import dataclass

import numpy as np

from service.core.manifest import BundleManifest
from service.core.tasks import Item
from service.core.types import Encoder
from service.pipeline.evaluate import embed_items
from training.calibration_error import brier_score, expected_calibration_error
from training.evaluate_heads import reporting_rows
from training.sources import Source

NEIGHBOURS = 10
LABEL = "product"


@dataclass(frozen=True, slots=True)
class MatchResult:
    """How far P(same product) can be believed.

    Attributes:
        queries: Photos asked with.
        pairs: Photos and neighbours judged.
        same: Share of the pairs that are the same product.
        ece: Expected calibration error, 15 bins.
        brier: Mean squared error of the probability.
    """

    queries: int
    pairs: int
    same: float
    ece: float
    brier: float


def calibration_of(manifest: BundleManifest) -> tuple[float, float] | None:
    """Return slope and intercept of the bundle's logistic curve, None where it has none."""
    if manifest.calibration is None:
        return None
    return manifest.calibration["slope"], manifest.calibration["intercept"]


def evaluate_matches(
    source: Source,
    encoder: Encoder,
    curve: tuple[float, float],
    limit: int | None = None,
) -> MatchResult | None:
    """Judge the curve on a source that labels products; None where it has no pair to judge.

    Args:
        source: Its reporting rows ask, its training rows are the gallery.
        encoder: Embeds both.
        curve: Slope and intercept over the cosine.
        limit: Queries at most.

    Raises:
        InvalidImageError: A picture cannot be decoded.
    """
    asking = (
        Item(e.id, e.data, (e.labels[LABEL],))
        for e in reporting_rows(source, limit)
        if LABEL in e.labels
    )
    answering = (
        Item(e.id, e.data, (e.labels[LABEL],))
        for e in source.examples()
        if LABEL in e.labels and not e.held_out
    )
    queries, query_vectors = embed_items(asking, encoder)
    gallery, gallery_vectors = embed_items(answering, encoder)
    if not queries or not gallery:
        return None
    cosines = query_vectors @ gallery_vectors.T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS]
    names = np.array([item.labels[0] for item in gallery])
    wanted = np.array([item.labels[0] for item in queries])
    same = (names[nearest] == wanted[:, None]).ravel()
    slope, intercept = curve
    logits = slope * np.take_along_axis(cosines, nearest, axis=1).ravel() + intercept
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return MatchResult(
        queries=len(queries),
        pairs=len(same),
        same=float(same.mean()),
        ece=expected_calibration_error(probability, same),
        brier=brier_score(probability, same),
    )
