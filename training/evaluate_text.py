"""Words to pictures: "navy blue shirts" -> vector -> the ten nearest held-out products -> P@10.

One query for each pair of colour and type that enough products have; both must agree.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from service.core.tasks import Item
from service.core.types import Encoder, TextEncoder
from service.pipeline.evaluate import embed_items
from training.sources import Source

DEPTH = 10
LEAST_PRODUCTS = 5
SHOWN = "navy blue shirt men"
FASHION = ("fashion-hires", "fashion-lowres")


@dataclass(frozen=True, slots=True)
class TextResult:
    """What the text tower is worth.

    Attributes:
        queries: Pairs of colour and type that were asked for.
        gallery: Held-out products they were asked of.
        p10: Mean share of right products among the first ten, 0-1.
        ceiling: The same if every query were answered as well as the gallery allows.
        normalised: Mean of hits over what the gallery allows: ten, or all there are.
        shown_query: A query to look at,
        shown: and its first ten: colour, type, audience and title.
    """

    queries: int
    gallery: int
    p10: float
    ceiling: float
    normalised: float
    shown_query: str
    shown: tuple[str, ...]


def evaluate_text(
    sources: Sequence[Source],
    encoder: Encoder,
    texts: TextEncoder,
    limit: int | None = None,
) -> TextResult | None:
    """Measure search by words on the held-out products; None where no pair has enough of them.

    Args:
        sources: Those of `FASHION` are used.
        encoder: Embeds the products.
        texts: Embeds the queries.
        limit: Queries at most.

    Raises:
        InvalidImageError: A picture cannot be decoded.
    """
    gallery, vectors = embed_items(chain.from_iterable(map(_products, sources)), encoder)
    pairs = askable_pairs(gallery)[:limit]
    if not pairs:
        return None
    asked = texts.encode([phrase(colour, kind) for colour, kind in pairs])
    order = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, :DEPTH]
    hits, available = [], []
    for (colour, kind), nearest in zip(pairs, order, strict=True):
        right = [item.labels[:2] == (colour, kind) for item in gallery]
        hits.append(sum(right[row] for row in nearest))
        available.append(min(DEPTH, sum(right)))
    (shown,) = texts.encode([SHOWN])
    nearest = np.argsort(-(vectors @ shown), kind="stable")[:DEPTH]
    return TextResult(
        queries=len(pairs),
        gallery=len(gallery),
        p10=float(np.mean(hits)) / DEPTH,
        ceiling=float(np.mean(available)) / DEPTH,
        normalised=float(np.mean(np.array(hits) / np.array(available))),
        shown_query=SHOWN,
        shown=tuple(", ".join(filter(None, gallery[row].labels)) for row in nearest),
    )


def phrase(colour: str, kind: str) -> str:
    """Return how a person would type it."""
    return f"{colour} {kind}".lower()


def askable_pairs(gallery: Sequence[Item]) -> list[tuple[str, str]]:
    """Return the (colour, type) that enough items have as their first two labels, sorted."""
    counts = Counter((item.labels[0], item.labels[1]) for item in gallery)
    return sorted(pair for pair, n in counts.items() if all(pair) and n >= LEAST_PRODUCTS)


def _products(source: Source) -> Iterator[Item]:
    if source.name in FASHION:
        for example in source.examples():
            if example.held_out:
                named = tuple(example.labels.get(t, "") for t in ("colour", "category", "audience"))
                yield Item(example.id, example.data, (*named, example.document.get("title", "")))
