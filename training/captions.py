"""What a product can be called, and which other products the same words are true of.

    document -> draw_caption -> text   -> tokens
                             -> claims -> ClaimIndex -> (captions, products) bool

Half a catalogue is called "black tshirts". Against one drawn picture of a batch that caption would
have hundreds of false negatives, so a caption carries what it claims: attribute values as a whole
("=navy blue" is not claimed by "=blue") and the single words of running text.
"""

import re
import string
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.terms import Document

_LONG = ("title", "description")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_DROP_WORD = 0.3
_MOST_VALUES = 4


class Caption(NamedTuple):
    """One thing that a product can be called.

    Attributes:
        text: Lower-case words.
        claims: What must be so of a product for the text to be true of it.
    """

    text: str
    claims: frozenset[str]


def draw_caption(document: Document, generator: np.random.Generator) -> Caption:
    """Draw a caption: attribute values, words of the running text, or some of both, shuffled.

    Args:
        document: Field to text; every field but `title` and `description` is an attribute value.
        generator: Decides everything, so a seed gives the same caption.

    Raises:
        ValueError: The document has no text.
    """
    values = _values(document)
    sentences = [s for field in _LONG for s in _sentences(document.get(field, ""))]
    if not values and not sentences:
        raise ValueError("a product without text has no caption")
    kind = generator.random()
    pieces: list[tuple[str, str]] = []
    if values and (kind < 0.7 or not sentences):
        count = int(generator.integers(1, min(len(values), _MOST_VALUES) + 1))
        pieces += [(v, f"={v}") for v in generator.permutation(values)[:count].tolist()]
    if sentences and (kind >= 0.4 or not values):
        words = sentences[int(generator.integers(len(sentences)))]
        kept = generator.random(len(words)) >= _DROP_WORD
        kept[int(generator.integers(len(words)))] = True
        pieces += [(w, w) for w, keep in zip(words, kept, strict=True) if keep]
    if values and sentences and 0.4 <= kind < 0.7:
        pieces = [pieces[i] for i in generator.permutation(len(pieces))]
    return Caption(" ".join(p for p, _ in pieces), frozenset(c for _, c in pieces))


class ClaimIndex:
    """Which products a claim is true of."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Read every product's texts once."""
        self._count = len(documents)
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, document in enumerate(documents):
            for claim in _claims(document):
                rows[claim].append(row)
        self._rows = {claim: np.array(found, dtype=np.int64) for claim, found in rows.items()}

    def true_of(
        self, captions: Sequence[Caption], products: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return (captions, products) bool: every claim of the caption is true of the product.

        Args:
            captions: Drawn from any of the documents.
            products: Rows of the documents.
        """
        known: dict[str, NDArray[np.bool_]] = {}
        truth = np.ones((len(captions), len(products)), dtype=np.bool_)
        for row, caption in enumerate(captions):
            for claim in caption.claims:
                if claim not in known:
                    member = np.zeros(self._count, dtype=np.bool_)
                    member[self._rows[claim]] = True
                    known[claim] = member[products]
                truth[row] &= known[claim]
        return truth


def has_text(document: Document) -> bool:
    """Return whether a caption can be drawn."""
    return any(_words(text) for text in document.values())


def _claims(document: Document) -> set[str]:
    words = {word for text in document.values() for word in _words(text)}
    return words | {f"={value}" for value in _values(document)}


def _values(document: Document) -> list[str]:
    values = (" ".join(_words(t)) for field, t in document.items() if field not in _LONG)
    return list(dict.fromkeys(v for v in values if v))


def _sentences(text: str) -> list[list[str]]:
    return [words for part in _SENTENCE.split(text) if (words := _words(part))]


def _words(text: str) -> list[str]:
    # By spaces, since a pattern of word characters would tear the words of many scripts apart.
    pieces = unicodedata.normalize("NFKC", text).lower().split()
    return [word for piece in pieces if (word := piece.strip(string.punctuation))]
