"""Probabilities that can be believed, fitted on one half of the held-out rows.

    held-out pictures -> embeddings -> a temperature a task (Guo et al., 2017)
    held-out pictures and neighbours -> cosines -> P(same product), a logistic curve (Platt, 1999)

The other half is what `python -m training.evaluate` reports on.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training.augment import augment
from training.checkpoint import Checkpoint
from training.corpus import Corpus
from training.embed import embed_rows, load_tower
from training.labels import DataError
from training.splits import calibration_half

_NEIGHBOURS = 10
_TEMPERATURES = np.geomspace(0.005, 1.0, 200)


@dataclass(frozen=True, slots=True)
class Logistic:
    """P(same product) = 1 / (1 + exp(-(slope * cosine + intercept)))."""

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted: a temperature by task, and a curve where pairs of one product exist."""

    temperatures: Mapping[str, float]
    same_product: Logistic

    def save(self, path: Path) -> None:
        """Write JSON, which export reads, replacing what was there as one."""
        beside = path.with_name(path.name + ".tmp")
        beside.write_text(json.dumps(asdict(self), indent=2) + "\n")
        os.replace(beside, path)


def calibrate(checkpoint: Checkpoint, corpora: Sequence[Corpus]) -> Calibration:
    """Fit temperatures and the curve of a finished run.

    Args:
        checkpoint: Of a `tasks` run.
        corpora: The sources it was trained on, decoded.

    Raises:
        DataError: Not one held-out picture has a label.
    """
    rows = [_calibration_rows(corpus) for corpus in corpora]
    tower, patch = load_tower(checkpoint), checkpoint.config.tiers[0]
    vectors = [embed_rows(tower, patch, c, r) for c, r in zip(corpora, rows, strict=True)]
    temperatures = {}
    for task, classes in checkpoint.classes.items():
        labels = np.concatenate(
            [_classes_of(c, r, task, classes) for c, r in zip(corpora, rows, strict=True)]
        )
        if (known := labels >= 0).any():
            proxies = F.normalize(checkpoint.heads[f"{task}.proxies"].float().cpu(), dim=-1)
            cosines = np.concatenate(vectors)[known] @ proxies.numpy().T
            temperatures[task] = fit_temperature(cosines, labels[known])
    if not temperatures:
        raise DataError("not one held-out picture has a label of any task: nothing to calibrate on")
    generator = torch.Generator().manual_seed(checkpoint.config.seed)

    def phone(images: Tensor, size: int) -> Tensor:
        return augment(images, size, generator)

    pairs = []
    several = [_has_products(c, r) for c, r in zip(corpora, rows, strict=True)]
    for corpus, asking, vector, own in zip(corpora, rows, vectors, several, strict=True):
        if own:
            # Pictures of products that have several: a shelf's against the catalogue's.
            offered = corpus.training_rows()
            gallery = embed_rows(tower, patch, corpus, offered)
            names = [[corpus.labels[r].get("product") for r in side] for side in (asking, offered)]
            pairs.append(neighbour_pairs(vector, gallery, *names))
        elif not any(several):
            # One picture a product: a phone's view of it against the studio's, which is easier.
            ids = [corpus.ids[r] for r in asking]
            queries = embed_rows(tower, patch, corpus, asking, phone)
            pairs.append(neighbour_pairs(queries, vector, ids, ids))
    cosines, same = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return Calibration(temperatures, fit_logistic(cosines, same))


def _has_products(corpus: Corpus, rows: NDArray[np.int64]) -> bool:
    return any("product" in corpus.labels[row] for row in rows.tolist())


def _calibration_rows(corpus: Corpus) -> NDArray[np.int64]:
    held = np.flatnonzero(corpus.held_out).tolist()
    return np.array([row for row in held if calibration_half(corpus.ids[row])], dtype=np.int64)


def _classes_of(
    corpus: Corpus, rows: NDArray[np.int64], task: str, classes: Sequence[str]
) -> NDArray[np.int64]:
    """Return the class of each row, -1 where it has none, or stands for several."""
    number = {name: i for i, name in enumerate(classes)}
    names = [corpus.labels[row].get(task, "") for row in rows]
    return np.array([number.get(name, -1) for name in names], dtype=np.int64)


def neighbour_pairs(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    asked: Sequence[str | None],
    offered: Sequence[str | None],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the cosine of each query to its nearest ten, and whether the product is the same.

    Args:
        queries: (n, dim) unit vectors.
        gallery: (m, dim) unit vectors.
        asked: The product of each query.
        offered: The product of each gallery picture.

    Returns:
        Two arrays of n * min(10, m).
    """
    cosines = queries @ gallery.T
    nearest = np.argsort(-cosines, axis=1)[:, :_NEIGHBOURS]
    same = np.array(asked, dtype=object)[:, None] == np.array(offered, dtype=object)[nearest]
    return np.take_along_axis(cosines, nearest, axis=1).ravel(), same.ravel()


def fit_temperature(cosines: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature under which the labels are likeliest.

    Args:
        cosines: (n, classes) of embeddings to proxies.
        labels: (n,) the right class.
    """
    logits, right = torch.from_numpy(cosines), torch.from_numpy(labels)
    losses = [float(F.cross_entropy(logits / t, right)) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def fit_logistic(cosines: NDArray[np.float32], same: NDArray[np.bool_]) -> Logistic:
    """Fit P(same) by Newton's method on Platt's smoothed targets.

    Args:
        cosines: (n,) of pairs.
        same: (n,) whether a pair shows one product; both kinds occur.
    """
    x = np.stack([cosines, np.ones_like(cosines)], axis=1).astype(np.float64)
    positives, negatives = same.sum(), (~same).sum()
    target = np.where(same, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    weights = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        curvature = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, x.T @ (p - target))
        # A full step may overshoot from a flat start.
        weights -= step / max(1.0, float(np.abs(step).max()) / 10)
    return Logistic(float(weights[0]), float(weights[1]))
