"""Which terms are one label: spellings of a word join, and tail terms join the head they imply.

    Company + spellings, most frequent first -> common_endings -> join_terms -> head, weight

Terms that are only used alike stay apart: "black" and "white" keep the same company, as do
"pink" and "purple". To join takes a second witness: the spelling, or one implying the other.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.term_statistics import Company

_STEM = 3
_LONG_STEM = 5
_COMMON = 8
"""Pairs of terms that must differ by two endings before these count as one word's."""


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """When terms join.

    Attributes:
        head_df: Documents that give a term a label of its own.
        spelt_alike: Likeness of company that terms spelt alike need, 0..1; half of it where they
            differ by endings that many words have ("-", "-s").
        implying: Likeness of company that a term needs to a head that it nearly implies, 0..1.
        implies: How nearly a term must imply a head to join it, 0..1; one frequent enough to be
            a label must be implied as nearly in turn, or "shoes" would be lost in "footwear".
        widest: Largest share of the documents that a head may have for a term to join it for
            being implied: that a rare brand is "men" tells too little to be worth its errors.
    """

    head_df: int = 20
    spelt_alike: float = 0.4
    implying: float = 0.4
    implies: float = 0.8
    widest: float = 0.25


def join_terms(
    company: Company, spellings: Sequence[str], settings: JoinSettings
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give each term the head it joins, greedily, the most frequent terms first.

    Args:
        company: Of n terms.
        spellings: The n terms, the most frequent first.
        settings: When terms join.

    Returns:
        (n,) number of the head of each term, its own for a head and -1 for a rare term without
        one; (n,) how surely the term means its head, 0..1.
    """
    n = len(spellings)
    head = np.full(n, -1, dtype=np.int64)
    weight = np.ones(n)
    compact = [spelling.replace(" ", "") for spelling in spellings]
    common = common_endings(company, compact, settings.spelt_alike)
    heads_by_stem: dict[str, list[int]] = defaultdict(list)
    for term in range(n):
        alike = heads_by_stem[compact[term][:_STEM]]
        best = _spelling_of(company, compact, term, alike, common, settings.spelt_alike)
        if best < 0:
            implied = [h for h in _implied(company, term, settings) if head[h] == h]
            best = _likest(company, term, implied, settings.implying)
            weight[term] = company.implied(best, term) if best >= 0 else 1.0
        if best >= 0:
            head[term] = best
        elif company.df[term] >= settings.head_df:
            head[term] = term
            alike.append(term)
    return head, weight


def endings(one: str, other: str) -> tuple[str, str] | None:
    """Return what parts two spellings of one word, in any language; None where they are two.

    ("", "s") for "shirt" and "shirts", ("y", "ies") for "accessory" and "accessories"; never
    what stands in front, which changes the meaning ("men", "women").
    """
    stem = 0
    while stem < min(len(one), len(other)) and one[stem] == other[stem]:
        stem += 1
    rest = sorted((one[stem:], other[stem:]), key=lambda ending: (len(ending), ending))
    longest = len(rest[1])
    if (not rest[0] and stem >= _STEM and longest <= 2) or (stem >= _LONG_STEM and longest <= 3):
        return rest[0], rest[1]
    return None


def common_endings(
    company: Company, compact: Sequence[str], likeness: float
) -> frozenset[tuple[str, str]]:
    """Return the endings by which many pairs of terms differ, most of which keep like company.

    The idea of Schone & Jurafsky, "Knowledge-free induction of morphology using latent semantic
    analysis" (CoNLL 2000): a language's endings show in pairs that agree in use.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    alike: Counter[tuple[str, str]] = Counter()
    for one, other, parts in _pairs(compact):
        pairs[parts] += 1
        alike[parts] += company.likeness(one, other) >= likeness
    return frozenset(p for p, n in pairs.items() if n >= _COMMON and alike[p] >= n / 2)


def _pairs(compact: Sequence[str]) -> Iterator[tuple[int, int, tuple[str, str]]]:
    by_stem: dict[str, list[int]] = defaultdict(list)
    for term, text in enumerate(compact):
        others = by_stem[text[:_STEM]]
        for other in others:
            parts = endings(text, compact[other])
            if parts is not None and text != compact[other]:
                yield other, term, parts
        others.append(term)


def _spelling_of(
    company: Company,
    compact: Sequence[str],
    term: int,
    heads: Iterable[int],
    common: frozenset[tuple[str, str]],
    needed: float,
) -> int:
    """Return the head that the term is a spelling of, -1 where there is none."""
    best, best_likeness = -1, 0.0
    for head in heads:
        if compact[head] == compact[term]:
            return head
        parts = endings(compact[head], compact[term])
        if parts is None:
            continue
        likeness = company.likeness(head, term)
        if likeness >= needed / (1 + (parts in common)) and likeness > best_likeness:
            best, best_likeness = head, likeness
    return best


def _implied(company: Company, tail: int, settings: JoinSettings) -> list[int]:
    """Terms of more documents that the tail nearly implies, and means no less than."""
    often = company.together[tail] >= max(settings.implies * company.df[tail], 1)
    wider = (company.df > company.df[tail]) & (company.df <= settings.widest * company.documents)
    rare = company.df[tail] < settings.head_df
    return [
        head
        for head in map(int, np.flatnonzero(often & wider))
        if company.implied(head, tail) >= settings.implies
        and (rare or company.implied(tail, head) >= settings.implies)
    ]


def _likest(company: Company, tail: int, heads: Iterable[int], needed: float) -> int:
    """Return the head whose company is most like the tail's, -1 where none is like enough."""
    scores = [(company.likeness(head, tail), -head) for head in heads]
    best, head = max(scores, default=(-1.0, 1))
    return -head if best >= needed else -1
