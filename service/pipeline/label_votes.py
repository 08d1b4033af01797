"""Which pictures disagree with their label: neighbours -> votes -> less the usual -> surprise.

A picture labelled A, of whose neighbours a share b is labelled B and a share a is A, surprises by

    log((b + e) / (a + e)) - log((B's usual share + e) / (A's usual share + e))

where the usual shares are the means over all pictures labelled A: tops that sit among T-shirts are
no news where tops always do. docs/catalog-report.md has what that is worth over b alone. To measure
each class by what it is usually taken for is the idea of Northcutt et al., "Confident Learning:
Estimating Uncertainty in Dataset Labels", JAIR 2021.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.pipeline.picture_neighbours import Near

NEIGHBOURS = 15
SHOWN = 4
"""Neighbours kept as evidence."""
_FEWEST = 5
"""Votes without which nothing is said."""
_SMOOTHING = 0.02
_Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the neighbours of the n pictures that could be judged say.

    Attributes:
        rows: (n,) the pictures.
        suspected: (n,) code of the label that most of those neighbours have that have another.
        share: (n,) of the votes that it has, 0-1.
        own: (n,) share of the picture's own label.
        surprise: (n,) as above; 0 is as usual.
        evidence: (n, SHOWN) nearest rows that have the suspected label; -1 where there are fewer.
    """

    rows: NDArray[np.int64]
    suspected: NDArray[np.int32]
    share: NDArray[np.float32]
    own: NDArray[np.float32]
    surprise: NDArray[np.float32]
    evidence: NDArray[np.int64]


class LabelVotes:
    """Takes the votes of neighbours, block by block."""

    def __init__(self, labels: NDArray[np.int32], products: NDArray[np.int32], count: int) -> None:
        """Begin without votes.

        Args:
            labels: (rows,) codes below `count`; -1 has no vote and is not judged.
            products: (rows,) the number of each row's product, which has one vote at most.
            count: Labels there are.
        """
        self._labels, self._products, self._count = labels, products, max(count, 1)
        self._parts: list[tuple[NDArray[np.generic], ...]] = []
        self._tallies: dict[int, float] = {}
        self._judged = np.zeros(self._count, np.int64)

    def take(self, near: Near, copies: _Bits) -> None:
        """Count the votes of a block; a copy of the asking picture has none."""
        found = np.maximum(near.rows, 0)
        labels = np.where(near.rows >= 0, self._labels[found], -1)
        products = self._products[found]
        asking = self._products[near.asked]
        votes = (labels >= 0) & ~copies & (products != asking[:, np.newaxis])
        votes &= ~_seen_before(products, votes)
        votes &= np.cumsum(votes, axis=1) <= NEIGHBOURS
        own = self._labels[near.asked]
        judged = np.flatnonzero((votes.sum(axis=1) >= _FEWEST) & (own >= 0))
        if len(judged):
            self._count_votes(near, judged, own[judged], np.where(votes, labels, -1)[judged])

    def _count_votes(
        self,
        near: Near,
        judged: NDArray[np.int64],
        own: NDArray[np.int32],
        labels: NDArray[np.int32],
    ) -> None:
        """Take (m, k) labels of those who vote; -1 does not."""
        cast = labels >= 0
        weight = 1 / cast.sum(axis=1)
        others = np.where(labels == own[:, np.newaxis], -1, labels)
        alike = (others[:, :, np.newaxis] == others[:, np.newaxis, :]).sum(axis=2)
        best = np.argmax(np.where(others >= 0, alike, 0), axis=1)
        suspected = others[np.arange(len(others)), best]
        speaks = (others == suspected[:, np.newaxis]) & (others >= 0)
        first = np.argsort(~speaks, axis=1, kind="stable")[:, :SHOWN]
        evidence = np.full((len(judged), SHOWN), -1, np.int64)
        evidence[:, : first.shape[1]] = np.where(
            np.take_along_axis(speaks, first, 1),
            np.take_along_axis(near.rows[judged], first, 1),
            -1,
        )
        shares = (speaks.sum(axis=1) * weight, (labels == own[:, np.newaxis]).sum(axis=1) * weight)
        self._parts.append((near.asked[judged], own, suspected, *shares, evidence))
        pairs = own[:, np.newaxis].astype(np.int64) * self._count + labels
        keys, places = np.unique(pairs[cast], return_inverse=True)
        sums = np.bincount(places, np.broadcast_to(weight[:, np.newaxis], cast.shape)[cast])
        for key, total in zip(keys.tolist(), sums.tolist(), strict=True):
            self._tallies[key] = self._tallies.get(key, 0.0) + total
        np.add.at(self._judged, own, 1)

    def verdicts(self) -> Verdicts:
        """Return what all the votes come to."""
        if not self._parts:
            none = np.empty(0, np.int64)
            return Verdicts(
                none,
                none.astype(np.int32),
                *(none.astype(np.float32),) * 3,
                np.empty((0, SHOWN), np.int64),
            )
        rows, label, suspected, share, own, evidence = map(
            np.concatenate, zip(*self._parts, strict=True)
        )
        usual_other = self._usual(label, suspected)
        usual_own = self._usual(label, label)
        surprise = _log_ratio(share, own) - _log_ratio(usual_other, usual_own)
        # Where no neighbour has another label there is nothing to suspect.
        surprise = np.where(suspected >= 0, surprise, 0)
        return Verdicts(
            rows,
            suspected,
            share.astype(np.float32),
            own.astype(np.float32),
            surprise.astype(np.float32),
            evidence,
        )

    def _usual(self, labels: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the mean share that pictures of a label see of another."""
        keys = labels.astype(np.int64) * self._count + others
        sums = np.array([self._tallies.get(key, 0.0) for key in keys.tolist()])
        usual: NDArray[np.float64] = sums / self._judged[labels]
        return usual


def _seen_before(products: NDArray[np.int32], votes: _Bits) -> _Bits:
    """Say which of the (b, k) neighbours come after a voter of the same product."""
    same = products[:, :, np.newaxis] == products[:, np.newaxis, :]
    earlier = np.tri(products.shape[1], k=-1, dtype=np.bool_)
    before: _Bits = (same & earlier & votes[:, np.newaxis, :]).any(axis=2)
    return before


def _log_ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log((over + _SMOOTHING) / (under + _SMOOTHING))
