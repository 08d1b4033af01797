"""How far stated probabilities are from what happens."""

import numpy as np
from numpy.typing import NDArray


def expected_calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy over bins of equal width.

    "On calibration of modern neural networks" (Guo et al., 2017), equation 3:
    sum over bins of (share of the rows) * abs(accuracy - mean confidence).

    Args:
        confidence: (n,) 0-1, at least one.
        right: (n,) bool, whether it happened.
        bins: The i-th holds what is above (i - 1)/bins and at most i/bins.
    """
    _check(confidence, right)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=right - confidence.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def brier_score(probability: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return the mean squared distance of (n,) probabilities from what happened, 0 at best."""
    _check(probability, right)
    return float(np.mean((probability.astype(np.float64) - right) ** 2))


def _check(probability: NDArray[np.floating], right: NDArray[np.bool_]) -> None:
    if probability.ndim != 1 or probability.shape != right.shape or not len(probability):
        raise ValueError(
            f"probabilities {probability.shape} and outcomes {right.shape} must be (n,), n > 0"
        )
