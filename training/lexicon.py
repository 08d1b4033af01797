"""The words and phrases of a catalogue that are worth knowing, and where a text has them.

    documents -> count_ngrams -> choose_lexicon -> Lexicon.find -> the terms of one product

A phrase is what stands together more often than its parts would by chance.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import log

from training.terms import Document, Words, is_ideograph, runs_of

# Bounds the table of a catalogue of any size; 36,000 fashion titles have 88,000 n-grams.
_MOST_NGRAMS = 2_000_000
# A term that a longer one leaves less of is not there at all.
_LEAST_WEIGHT = 0.3
# A brand and "women" and what it sells cohere by being frequent; a phrase of three must do more.
_A_WORD_MORE = 0.2


def _ngrams(run: Words, longest: int) -> Iterator[Words]:
    for n in range(1, min(longest, len(run)) + 1):
        for start in range(len(run) - n + 1):
            yield run[start : start + n]


def count_ngrams(documents: Iterable[Document], longest: int = 3) -> Counter[Words]:
    """Return in how many documents each n-gram of 1 to `longest` words stands.

    Memory is bounded by dropping what is rarest whenever the table is full (lossy counting,
    Manku & Motwani, "Approximate frequency counts over data streams", VLDB 2002).
    """
    counts: Counter[Words] = Counter()
    for document in documents:
        counts.update({gram for run in runs_of(document) for gram in _ngrams(run, longest)})
        if len(counts) > _MOST_NGRAMS:
            counts = _without_rarest(counts, _MOST_NGRAMS // 2)
    return counts


def _without_rarest(counts: Counter[Words], most: int) -> Counter[Words]:
    least = 1
    while len(counts) > most:
        least += 1
        counts = Counter({gram: n for gram, n in counts.items() if n >= least})
    return counts


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The terms to look for.

    Attributes:
        terms: Each term as words, to how firmly it binds them, 0..1: the part it takes away
            from the shorter terms inside it. 0 for a single word.
    """

    terms: Mapping[Words, float]
    _longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_longest", max(map(len, self.terms), default=0))

    def find(self, runs: Iterable[Words]) -> dict[Words, float]:
        """Return the terms in a product's text with the weight of each, 0..1.

        The longest term at a place counts in full, and terms inside it by what it leaves them:
        "navy blue" leaves little of "blue", since "navy" is hardly ever without it.
        """
        found: dict[Words, float] = {}
        for run in runs:
            left = [1.0] * len(run)
            for n in range(min(self._longest, len(run)), 0, -1):
                for start in range(len(run) - n + 1):
                    words = run[start : start + n]
                    binding = self.terms.get(words)
                    if binding is None:
                        continue
                    weight = min(left[start : start + n])
                    if weight < _LEAST_WEIGHT:
                        continue
                    found[words] = max(weight, found.get(words, 0.0))
                    for place in range(start, start + n):
                        left[place] = min(left[place], 1 - weight * binding)
        return found


def choose_lexicon(
    counts: Mapping[Words, int],
    documents: int,
    *,
    min_df: int,
    max_df_share: float,
    min_cohesion: float,
    max_terms: int,
) -> Lexicon:
    """Choose the words and cohesive phrases that neither too few nor too many documents have.

    A phrase is cohesive where its normalised pointwise mutual information reaches
    `min_cohesion` (Bouma, "Normalized (pointwise) mutual information in collocation
    extraction", GSCL 2009), for the weakest way of cutting it in two.
    """
    chosen: dict[Words, float] = {}
    for words, df in counts.items():
        if not min_df <= df <= max_df_share * documents:
            continue
        if len(words) == 1:
            if len(words[0]) > 1 and not is_ideograph(words[0]):
                chosen[words] = 0.0
        elif _cohesion(words, counts, documents) >= min_cohesion + _A_WORD_MORE * (len(words) - 2):
            chosen[words] = max(df / max(counts.get((word,), df), df) for word in words)
    frequent = sorted(chosen, key=lambda words: (-counts[words], words))[:max_terms]
    return Lexicon({words: chosen[words] for words in frequent})


def _cohesion(words: Words, counts: Mapping[Words, int], documents: int) -> float:
    df = counts[words]
    if df >= documents:
        return 0.0
    # A part that lossy counting dropped is at least as frequent as the whole.
    by_chance = max(
        max(counts.get(words[:cut], df), df) * max(counts.get(words[cut:], df), df) / documents
        for cut in range(1, len(words))
    )
    return log(df / by_chance) / -log(df / documents)
