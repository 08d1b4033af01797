"""Weak labels from catalogue text: what products say of themselves, as a multi-label target.

    documents -> count_ngrams -> Lexicon -> count_company -> terms that separate
              -> variants and tail terms join a head -> WeakLabels -> targets(document)

After Beal et al., "Billion-Scale Pretraining with Vision Transformers for Multi-Task Visual
Representations" (WACV 2022), who train on the clustered annotations of pins.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from training.labels import DataError
from training.lexicon import Lexicon, choose_lexicon, count_ngrams
from training.term_clusters import JoinSettings, join_terms
from training.term_statistics import count_company
from training.terms import Document, Words, runs_of, spell

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class TermSettings:
    """Which terms become labels.

    Attributes:
        ngram: The longest phrase, in words.
        min_df: Products that must have a term.
        max_df_share: Largest share of the products that may have it.
        min_cohesion: Normalised mutual information that makes words a phrase, -1..1.
        min_separation: Bits by which a term's neighbours must differ from those of any term.
        max_terms: Candidates kept, the most frequent first; memory grows with its square.
        max_labels: Labels kept, those of most products first.
        join: When terms join one label.
        sample: Most products of which company is counted, evenly spread.
    """

    ngram: int = 3
    min_df: int = 8
    max_df_share: float = 0.7
    min_cohesion: float = 0.4
    min_separation: float = 0.15
    max_terms: int = 4000
    max_labels: int = 800
    join: JoinSettings = field(default_factory=JoinSettings)
    sample: int = 200_000


_DEFAULT = TermSettings()


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase that stands for a label.

    Attributes:
        words: As `tokenise` gives them.
        label: Number of its label.
        weight: How surely it means the label, 0..1.
        binding: What it takes away from the terms inside it, 0..1; see Lexicon.
    """

    words: Words
    label: int
    weight: float
    binding: float


@dataclass(frozen=True, slots=True)
class WeakLabels:
    """A vocabulary of labels and the terms that stand for them.

    Attributes:
        labels: The head term of each label, that of most products first.
        vocabulary: Every term, each standing for one label.
    """

    labels: tuple[str, ...]
    vocabulary: tuple[Term, ...]
    _lexicon: Lexicon = field(init=False, repr=False, compare=False)
    _means: Mapping[Words, tuple[int, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lexicon = Lexicon({term.words: term.binding for term in self.vocabulary})
        object.__setattr__(self, "_lexicon", lexicon)
        means = {term.words: (term.label, term.weight) for term in self.vocabulary}
        object.__setattr__(self, "_means", means)

    @property
    def terms(self) -> Mapping[str, tuple[int, float]]:
        """Each term as people write it, to its label's number and how surely it means it."""
        return {spell(term.words): (term.label, term.weight) for term in self.vocabulary}

    def targets(self, document: Document) -> dict[int, float]:
        """Return the labels of one product with their weights, 0..1, surest first.

        A label weighs what its surest term in the text does; a term inside a longer one counts
        by what that one leaves of it ("blue" in "navy blue": nothing).
        """
        found: dict[int, float] = {}
        for words, part in self._lexicon.find(runs_of(document)).items():
            label, weight = self._means[words]
            found[label] = max(found.get(label, 0.0), part * weight)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def save(self, path: Path) -> None:
        """Write the vocabulary as JSON."""
        terms = [
            {
                "words": term.words,
                "label": term.label,
                "weight": round(term.weight, 4),
                "binding": round(term.binding, 4),
            }
            for term in self.vocabulary
        ]
        record = {"schema": SCHEMA, "labels": self.labels, "terms": terms}
        path.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: The file is missing, not one of ours, or of another schema.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise DataError(f"{path}: not a file of weak labels ({exc})") from exc
        schema = record.get("schema") if isinstance(record, dict) else None
        if schema != SCHEMA:
            raise DataError(
                f"{path}: schema {schema!r}, this version reads {SCHEMA}; run annotate again"
            )
        try:
            labels = tuple(map(str, record["labels"]))
            terms = tuple(
                Term(
                    tuple(map(str, term["words"])),
                    int(term["label"]),
                    float(term["weight"]),
                    float(term["binding"]),
                )
                for term in record["terms"]
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise DataError(f"{path}: damaged ({exc!r}); run annotate again") from exc
        if not all(term.words and 0 <= term.label < len(labels) for term in terms):
            raise DataError(f"{path}: damaged (terms of no label); run annotate again")
        return cls(labels, terms)


def learn_weak_labels(
    documents: Sequence[Document], settings: TermSettings = _DEFAULT
) -> WeakLabels:
    """Find the terms of a catalogue that say what a product is, and cluster them into labels.

    Args:
        documents: The text of each product, by field.
        settings: Which terms become labels.

    Raises:
        DataError: The documents have no text, or no term that enough of them share.
    """
    counts = count_ngrams(documents, settings.ngram)
    if not counts:
        raise DataError(
            f"the catalogue has no text to learn labels from: {len(documents):,} products, "
            "and no word in any of their fields"
        )
    lexicon = choose_lexicon(
        counts,
        len(documents),
        min_df=settings.min_df,
        max_df_share=settings.max_df_share,
        min_cohesion=settings.min_cohesion,
        max_terms=settings.max_terms,
    )
    del counts
    vocabulary = _cluster(documents, lexicon, settings)
    if not vocabulary:
        raise DataError(
            f"no term of {len(documents):,} products tells them apart: a label needs a word that "
            f"{settings.join.head_df} or more of them have, and not nearly all"
        )
    return vocabulary


def _cluster(
    documents: Sequence[Document], lexicon: Lexicon, settings: TermSettings
) -> WeakLabels | None:
    words = list(lexicon.terms)
    number = {term: i for i, term in enumerate(words)}
    stride = -(-len(documents) // settings.sample) or 1
    company = count_company(
        ([number[w] for w in lexicon.find(runs_of(d))] for d in documents[::stride]), len(words)
    )
    useful = np.flatnonzero(company.separation() >= settings.min_separation)
    order = useful[np.lexsort((useful, -company.df[useful]))]
    head_df = max(1, settings.join.head_df // stride)
    spellings = [spell(words[i]) for i in order]
    head, weight = join_terms(
        company.take(order), spellings, replace(settings.join, head_df=head_df)
    )
    mass = np.bincount(head[head >= 0], company.df[order][head >= 0], minlength=len(order))
    heads = [h for h in np.lexsort((np.arange(len(order)), -mass)) if head[h] == h]
    label = {int(h): i for i, h in enumerate(heads[: settings.max_labels])}
    terms = [
        Term(words[order[i]], label[int(h)], float(weight[i]), lexicon.terms[words[order[i]]])
        for i, h in enumerate(head)
        if int(h) in label
    ]
    if not terms:
        return None
    return WeakLabels(tuple(spellings[h] for h in label), tuple(terms))


def sampling_weights(
    targets: Sequence[Mapping[int, float]],
    labels: int,
    *,
    threshold: float = 0.01,
    cap: float = 10.0,
) -> NDArray[np.float64]:
    """Return the probability of drawing each product, so that the long tail is seen more often.

    A product is drawn max(1, sqrt(threshold / f)) times as often as one of frequent labels only,
    f being the share of products with the rarest label it has (Mahajan et al., "Exploring the
    limits of weakly supervised pretraining", ECCV 2018, section 2.2), and at most `cap` times.
    A product without labels teaches nothing and is never drawn.

    Args:
        targets: Labels and weights of each of n products.
        labels: How many labels there are.
        threshold: Share of products from which on a label counts as frequent, 0..1.
        cap: Most times a product is repeated.

    Returns:
        (n,) probabilities that sum to 1.

    Raises:
        DataError: No product has a label.
    """
    mass = np.zeros(labels)
    for target in targets:
        for label, weight in target.items():
            mass[label] += weight
    share = mass / max(len(targets), 1)
    repeats = np.clip(np.sqrt(threshold / np.maximum(share, 1e-12)), 1.0, cap)
    factors = np.array([max((repeats[i] for i in target), default=0.0) for target in targets])
    if not factors.any():
        raise DataError(f"none of {len(targets):,} products has a label")
    return np.asarray(factors / factors.sum(), dtype=np.float64)
