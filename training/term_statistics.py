"""What company terms keep: how well each separates, and whose company is alike.

documents as term numbers -> count_company -> Company -> separation (terms,)
                                                      -> likeness, implied (one, other)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_PAIRS_AT_ONCE = 1 << 22
_PRIOR = 5.0
"""Neighbours as the background has them, added to those of a term, against zeros."""


@dataclass(frozen=True, slots=True)
class Company:
    """Which terms occur in the same documents.

    Attributes:
        documents: How many there are.
        df: (terms,) documents with each term.
        together: (terms, terms) documents with both; the diagonal is 0.
        background: (terms,) how often a neighbour is each term, over all; sums to 1.
    """

    documents: int
    df: NDArray[np.int64]
    together: NDArray[np.int32]
    background: NDArray[np.float64]

    def take(self, terms: NDArray[np.int64]) -> Self:
        """Return the company among some of the terms only, in their order."""
        together = self.together[np.ix_(terms, terms)]
        totals = together.sum(axis=0, dtype=np.float64)
        return type(self)(self.documents, self.df[terms], together, totals / max(totals.sum(), 1.0))

    def separation(self) -> NDArray[np.float64]:
        """Return by how many bits the neighbours of each term differ from those of any, (terms,).

        The measure of Matsuo & Ishizuka, "Keyword extraction from a single document using word
        co-occurrence statistical information" (FLAIRS 2003), with the likelihood ratio in the
        place of chi squared (Dunning, "Accurate methods for the statistics of surprise and
        coincidence", 1993): G2 less what chance gives (one a degree of freedom), per neighbour.
        """
        bits = np.zeros(len(self.df))
        for term, counts in enumerate(self.together):
            n = int(counts.sum())
            if n:
                expected = self._background_without(term)
                excess = _divergence(counts / n, expected)
                freedom = np.count_nonzero(counts) - 1
                bits[term] = max(0.0, excess - freedom / (2 * n)) / np.log(2)
        return bits

    def implied(self, head: int, tail: int) -> float:
        """Return how nearly the tail implies the head: 1 always, 0 as often as chance has it.

        The share of the tail's documents that have the head, above its share of all (Loevinger's
        H, 1948): a term that most products have is implied by nothing for that alone.
        """
        base = self.df[head] / max(self.documents, 1)
        share = self.together[head, tail] / max(self.df[tail], 1)
        return float(max(0.0, share - base) / max(1 - base, 1e-12))

    def likeness(self, one: int, other: int) -> float:
        """Return how alike the company of two terms is, 0..1, the two themselves left out.

        The cosine of positive pointwise mutual information (Bullinaria & Levy, "Extracting
        semantic representations from word co-occurrence statistics", Behavior Research Methods
        2007), each neighbour weighted by its frequency: else one that a rare term met once, by
        chance, would outweigh those that say what it is.
        """
        a, b = self._information(one), self._information(other)
        weights = self.background.copy()
        weights[[one, other]] = 0
        norm = np.sqrt((weights * a * a).sum() * (weights * b * b).sum())
        return float((weights * a * b).sum() / norm) if norm else 0.0

    def _information(self, term: int) -> NDArray[np.float64]:
        background = np.maximum(self.background, 1e-12)
        counts = self.together[term] + _PRIOR * background
        pmi = np.log(counts / counts.sum() / background)
        return np.asarray(np.maximum(pmi, 0.0), dtype=np.float64)

    def _background_without(self, term: int) -> NDArray[np.float64]:
        background = self.background.copy()
        background[term] = 0
        background /= max(background.sum(), 1e-300)
        return background


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence of p from q, in nats."""
    some = p > 0
    return float((p[some] * np.log(p[some] / np.maximum(q[some], 1e-12))).sum())


def count_company(documents: Iterable[Sequence[int]], terms: int) -> Company:
    """Count neighbours; a document is the numbers of its terms, each once.

    Memory is (terms, terms) int32 whatever the number of documents.
    """
    df = np.zeros(terms, dtype=np.int64)
    together = np.zeros((terms, terms), dtype=np.int32)
    flat = together.reshape(-1)
    waiting: list[NDArray[np.int64]] = []
    size = 0
    total = 0
    for document in documents:
        total += 1
        numbers = np.asarray(document, dtype=np.int64)
        df[numbers] += 1
        if len(numbers) > 1:
            waiting.append((numbers[:, None] * terms + numbers).ravel())
            size += len(numbers) ** 2
        if size > _PAIRS_AT_ONCE:
            np.add.at(flat, np.concatenate(waiting), 1)
            waiting, size = [], 0
    if waiting:
        np.add.at(flat, np.concatenate(waiting), 1)
    np.fill_diagonal(together, 0)
    totals = together.sum(axis=0, dtype=np.float64)
    return Company(total, df, together, totals / max(totals.sum(), 1.0))
