"""Which pictures a step sees: a function of (seed, step), so that a resumed run sees the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.corpus import Corpus
from training.labels import TASKS, Vocabulary


@dataclass(frozen=True, slots=True)
class Pool:
    """One source's training rows, and their labels as numbers.

    Attributes:
        pixels: (n, side, side, 3) uint8, all rows of the source.
        rows: (m,) int64, those that may be trained on.
        labels: (n, tasks) int64, -1 where unlabelled.
        share: Relative part of each batch.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    share: float


def make_pool(corpus: Corpus, vocabularies: Mapping[str, Vocabulary]) -> Pool:
    """Turn label names into numbers and leave the held-out rows aside."""
    columns = []
    for task in TASKS:
        number = {name: i for i, name in enumerate(vocabularies[task].labels)}
        columns.append([-1 if n is None else number.get(n, -1) for n in corpus.labels[task]])
    labels = np.array(columns, dtype=np.int64).T
    rows = np.flatnonzero(~corpus.held_out)
    return Pool(corpus.pixels, rows, labels, corpus.share)


def draw(pools: Sequence[Pool], size: int, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Draw one step's pictures, each source by its share.

    Returns:
        (size, side, side, 3) uint8 pictures and (size, tasks) int64 labels.
    """
    random = np.random.default_rng((seed, step))
    shares = np.array([pool.share for pool in pools])
    counts = random.multinomial(size, shares / shares.sum())
    pixels, labels = [], []
    for pool, count in zip(pools, counts, strict=True):
        rows = np.sort(random.choice(pool.rows, count))
        pixels.append(pool.pixels[rows])
        labels.append(pool.labels[rows])
    return torch.from_numpy(np.concatenate(pixels)), torch.from_numpy(np.concatenate(labels))
