"""How far an answer can be relied on: a cosine to a probability, and that to a word.

    cosine -> P(same product), by the curve that came with the bundle
           -> and the lead over the next product -> exact | similar | weak | none

The bounds are on the probability and not on the cosine, which means something else to every model;
a bundle without a curve has no words. All were chosen on one half of the held-out photos and
measured on the other by `python -m bench.matching` (docs/search.md).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from service.core.types import Hit

Match: TypeAlias = Literal["exact", "similar", "weak", "none"]

EXACT = 0.83
"""Probability of the best from which it may be the product itself."""
LEAD = 0.03
"""Cosine by which it must then lead the next: a catalogue has many that are nearly the same."""
SAME = 0.9995
"""Cosine from which two pictures are one and the same, whatever else is near."""
SIMILAR = 0.55
WEAK = 0.17


def confidence(calibration: Mapping[str, float], similarity: float) -> float:
    """Return P(same product), 0-1, of a cosine between two pictures.

    Args:
        calibration: `slope` and `intercept` of a logistic curve over the cosine.
        similarity: The cosine.
    """
    return 1 / (1 + math.exp(-(calibration["slope"] * similarity + calibration["intercept"])))


def lead_of(candidates: Sequence[Hit]) -> float:
    """Return by how much the first leads the next one with another picture; inf if none does.

    Args:
        candidates: Nearest first.
    """
    for hit in candidates[1:]:
        if hit.image_id != candidates[0].image_id:
            return candidates[0].similarity - hit.similarity
    return math.inf


def match_of(calibration: Mapping[str, float], candidates: Sequence[Hit]) -> Match:
    """Return the word for what was found.

    Args:
        calibration: As of `confidence`.
        candidates: Nearest first; one more than the best is enough.
    """
    if not candidates:
        return "none"
    best = candidates[0].similarity
    sure = confidence(calibration, best)
    if best >= SAME or (sure >= EXACT and lead_of(candidates) >= LEAD):
        return "exact"
    if sure >= SIMILAR:
        return "similar"
    return "weak" if sure >= WEAK else "none"
