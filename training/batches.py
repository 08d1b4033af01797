"""Which pictures a step sees: a function of (seed, step), so that a resumed run sees the same.

Each source fills its share of every batch from an endless row of epochs; an epoch has every
training row once, or as often as its weight says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.corpus import Corpus
from training.labels import Vocabulary
from training.weak_labels import WeakLabels, sampling_weights

_MOST_WEAK = 12  # weak labels kept a picture


@dataclass(frozen=True, slots=True)
class Pool:
    """One source's training rows, and their labels as numbers.

    Attributes:
        pixels: (n, side, side, 3) uint8, all rows of the source.
        rows: (m,) int64, those that may be trained on.
        labels: (n, tasks) int64, -1 where unlabelled.
        weak: (n, k) int64, weak labels, -1 where there are fewer than k.
        weights: (n, k) float32, how sure they are, 0-1.
        copies: (m,) how often an epoch has each row on average, mean 1.
        share: Part of each batch, all sources' together 1.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    weak: NDArray[np.int64]
    weights: NDArray[np.float32]
    copies: NDArray[np.float64]
    share: float
    _epochs: dict[tuple[int, int], NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def epoch(self, seed: int, number: int) -> NDArray[np.int64]:
        """Return the rows of one epoch in their order; only the last two are remembered."""
        key = (seed, number)
        if key not in self._epochs:
            random = np.random.default_rng((seed, number))
            # Systematic sampling: as many places as rows, each row as often as its copies say.
            ends = np.cumsum(self.copies) * (len(self.rows) / self.copies.sum())
            places = np.searchsorted(ends, random.random() + np.arange(len(self.rows)))
            while len(self._epochs) > 1:
                self._epochs.pop(next(iter(self._epochs)))
            drawn = self.rows[np.minimum(places, len(self.rows) - 1)]
            self._epochs[key] = random.permutation(drawn)
        return self._epochs[key]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pictures.

    Attributes:
        images: (b, side, side, 3) uint8.
        labels: (b, tasks) int64, -1 where unlabelled.
        weak: (b, weak labels) float32, 0-1.
        taught: (b, teacher's width) what a teacher makes of the views, or None without one.
    """

    images: Tensor
    labels: Tensor
    weak: Tensor
    taught: Tensor | None = None


def make_pools(
    corpora: Sequence[Corpus],
    vocabularies: Mapping[str, Vocabulary],
    weak_labels: WeakLabels,
    *,
    balanced: bool,
) -> list[Pool]:
    """Turn labels and texts into numbers and leave the held-out rows aside.

    Args:
        corpora: Decoded sources.
        vocabularies: By task.
        weak_labels: Read a product's texts.
        balanced: Repeat rows with rare weak labels, by the square root of their rarity.
    """
    targets = [[weak_labels.targets(d) for d in corpus.documents] for corpus in corpora]
    pools = []
    for corpus, told in zip(corpora, targets, strict=True):
        rows = corpus.training_rows()
        copies = np.ones(len(rows))
        if balanced:
            here = [told[row] for row in rows]
            if not any(here):
                continue  # a source without texts has no part in learning from texts
            copies = sampling_weights(here, len(weak_labels.labels)) * len(rows)
        columns = [
            vocabulary.numbers(labels.get(task) for labels in corpus.labels)
            for task, vocabulary in vocabularies.items()
        ]
        labels = np.stack(columns, axis=1) if columns else np.empty((len(told), 0), np.int64)
        weak, weights = _surest(told)
        pools.append(Pool(corpus.pixels, rows, labels, weak, weights, copies, corpus.source.share))
    total = sum(pool.share for pool in pools)
    return [replace(pool, share=pool.share / total) for pool in pools]


def _surest(
    targets: Sequence[Mapping[int, float]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (n, k) weak labels, -1 where there are fewer, and how sure they are."""
    weak = np.full((len(targets), _MOST_WEAK), -1, dtype=np.int64)
    weights = np.zeros((len(targets), _MOST_WEAK), dtype=np.float32)
    for row, target in enumerate(targets):
        surest = sorted(target.items(), key=lambda pair: -pair[1])[:_MOST_WEAK]
        for place, (label, weight) in enumerate(surest):
            weak[row, place], weights[row, place] = label, weight
    return weak, weights


def draw(pools: Sequence[Pool], size: int, weak_labels: int, seed: int, step: int) -> Batch:
    """Return one step's pictures, each source by its share.

    Args:
        pools: The sources.
        size: Pictures in all, up to one fewer or more a source.
        weak_labels: How many there are.
        seed: Of the run.
        step: Of the run.
    """
    images, labels, weak = [], [], []
    for number, pool in enumerate(pools):
        first, last = (int(size * pool.share * s) for s in (step, step + 1))
        rows = np.sort(_stretch(pool, seed + number, first, last))
        images.append(pool.pixels[rows])
        labels.append(pool.labels[rows])
        dense = np.zeros((len(rows), weak_labels + 1), dtype=np.float32)
        np.put_along_axis(dense, pool.weak[rows], pool.weights[rows], axis=1)
        weak.append(dense[:, :-1])  # the last column took the rows' unused places, -1
    return Batch(
        torch.from_numpy(np.concatenate(images)),
        torch.from_numpy(np.concatenate(labels)),
        torch.from_numpy(np.concatenate(weak)),
    )


def _stretch(pool: Pool, seed: int, first: int, last: int) -> NDArray[np.int64]:
    """Return places first..last of the endless row of epochs, each as long as there are rows."""
    length = len(pool.rows)
    epochs = range(first // length, -(-last // length))
    rows = np.concatenate([pool.epoch(seed, number) for number in epochs] or [pool.rows[:0]])
    offset = first // length * length
    return rows[first - offset : last - offset]
