"""What retrieval makes of vectors: (n, dim) -> exact neighbours -> P@1, overlap of two models."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_export.bundle import ExportError
from service.core.types import Vectors

_BLOCK = 512


def nearest(vectors: Vectors, k: int) -> NDArray[np.int64]:
    """Return the k nearest of each by cosine, best first, itself left out; exact.

    Equal similarities come in the order of the rows.

    Args:
        vectors: (n, dim) float32, each row of unit length.
        k: From 1 to n - 1.

    Returns:
        (n, k) row numbers.

    Raises:
        ExportError: There are too few vectors.
    """
    n, _ = vectors.shape
    if not 1 <= k < n:
        raise ExportError(f"{k} neighbours need {k + 1} pictures, not {n}: take a larger sample")
    found = np.empty((n, k), np.int64)
    for start in range(0, n, _BLOCK):
        similarities = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(len(similarities))
        similarities[rows, start + rows] = -np.inf
        order = np.argsort(-similarities, axis=1, kind="stable")
        found[start : start + _BLOCK] = order[:, :k]
    return found


def precision_at_1(vectors: Vectors, labels: Sequence[str | None]) -> float:
    """Return the share of pictures whose nearest other picture has their label, 0..1.

    Args:
        vectors: (n, dim) float32, each row of unit length.
        labels: n.

    Raises:
        ExportError: No label occurs twice.
    """
    return float(right_at_1(vectors, labels).mean())


def right_at_1(vectors: Vectors, labels: Sequence[str | None]) -> NDArray[np.bool_]:
    """Return for each picture that asks whether the nearest other picture has its label.

    Pictures without a label are left out; those whose label occurs once may be found, but do not
    ask, since nothing would be right.

    Args:
        vectors: (n, dim) float32, each row of unit length.
        labels: n.

    Returns:
        (queries,) bool, in the order of the pictures.

    Raises:
        ExportError: No label occurs twice.
    """
    if not has_pairs(labels):
        raise ExportError(
            f"no label occurs twice among {len(labels)} pictures, so that P@1 means nothing: "
            "name another label, or take a larger sample"
        )
    known = np.array([label is not None for label in labels])
    names = np.array([label for label in labels if label is not None])
    asks = np.isin(names, [label for label, times in Counter(names.tolist()).items() if times > 1])
    right: NDArray[np.bool_] = names[nearest(vectors[known], 1)[:, 0]] == names
    return right[asks]


def has_pairs(labels: Sequence[str | None]) -> bool:
    """Whether any label occurs twice."""
    known = [label for label in labels if label is not None]
    return len(set(known)) < len(known)


def overlap_at_k(vectors_a: Vectors, vectors_b: Vectors, k: int) -> float:
    """Return the mean share of the k nearest that two models have in common, 0..1.

    Args:
        vectors_a: (n, dim) float32, each row of unit length.
        vectors_b: (n, another dim) of the same pictures.
        k: From 1 to n - 1.

    Raises:
        ExportError: There are too few vectors, or the two differ in number.
    """
    if len(vectors_a) != len(vectors_b):
        raise ExportError(f"{len(vectors_a)} vectors against {len(vectors_b)}: not one sample")
    return float(common(nearest(vectors_a, k), nearest(vectors_b, k)).mean() / k)


def common(found_a: NDArray[np.int64], found_b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each row of two (n, k) lists of neighbours how many are in both: (n,)."""
    shared: NDArray[np.int64] = (found_a[:, :, None] == found_b[:, None, :]).sum(axis=(1, 2))
    return shared
