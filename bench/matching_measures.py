"""What is measured of matching: nearest products, P@1 narrowed to a category, a colour changed.

Over photos in memory and exact neighbours, by the functions that the service itself calls.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.matching_photos import Photos, Row
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.ranking import best_per_product
from service.core.types import Hit
from service.pipeline.querying import mixed

_DEPTH = 50
_COLOURS = ("Red", "Blue", "Green", "White", "Black", "Pink", "Yellow", "Brown")
Right = Callable[[Row, Row], bool]


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that is measured on; `kinds` are the article types that a street label means."""

    encoder: OnnxEncoder
    texts: OnnxTextEncoder
    hires: Photos
    fashion: Photos
    large: Photos
    fashion_retaken: Photos
    street: Photos
    shelf: Photos
    grocery: Photos
    studio: Photos
    drawn_retaken: Photos
    kinds: dict[str, list[str]]

    @property
    def calibration(self) -> dict[str, float]:
        """The bundle's curve, without which there is nothing to measure."""
        found = self.encoder.manifest.calibration
        if found is None:
            raise SystemExit("the bundle has no calibration: see `vitrine-train calibrate`")
        return found


def hits(queries: Photos, catalogue: Photos) -> list[list[Hit]]:
    """Return the nearest products of each query, best first."""
    images, items = catalogue.values("id").tolist(), catalogue.values("item").tolist()
    numbers = np.unique(items, return_inverse=True)[1].astype(np.int32)
    found = []
    for vector in queries.vectors:
        cosines = catalogue.vectors @ vector
        nearest = np.argsort(-cosines, kind="stable")[:_DEPTH]
        best = best_per_product(cosines[nearest], nearest, numbers[nearest])
        columns = (each.tolist() for each in (best.rows, best.similarities, best.matched))
        ranked = zip(*columns, strict=True)
        found.append([Hit(items[row], images[row], cosine, n, row) for row, cosine, n in ranked])
    return found


def first_is_right(queries: Photos, found: list[list[Hit]]) -> NDArray[np.bool_]:
    """Return whether the best of each query is the very item."""
    pairs = zip(found, queries.rows, strict=True)
    return np.array([best[0].product_id == row["item"] for best, row in pairs])


def kind_is_right(bench: Bench, queries: Photos, found: list[list[Hit]]) -> NDArray[np.bool_]:
    """Return whether the best of each street photo is of the kind that its label means."""
    types = dict(
        zip(bench.fashion.values("item"), bench.fashion.values("article_type"), strict=True)
    )
    pairs = zip(found, queries.rows, strict=True)
    return np.array([types[best[0].product_id] in bench.kinds[row["label"]] for best, row in pairs])


def tasks(bench: Bench) -> list[tuple[str, Photos, Photos, str, Right]]:
    """Return name, queries, catalogue, field that is the category, and when a hit is right."""

    def same_look(asked: Row, found: Row) -> bool:
        return all(asked[f] == found[f] for f in ("article_type", "base_colour", "gender"))

    return [
        ("catalogue", bench.hires, bench.fashion, "article_type", same_look),
        (
            "street",
            bench.street,
            bench.fashion,
            "article_type",
            lambda asked, found: found["article_type"] in bench.kinds[asked["label"]],
        ),
        ("shelf", bench.shelf, bench.grocery, "coarse", lambda a, f: a["item"] == f["item"]),
    ]


def narrowed_p1(
    bench: Bench, queries: Photos, catalogue: Photos, field: str, right: Right, sure: float
) -> tuple[float, float]:
    """Return P@1 with `category: auto`, and the share of queries that it narrows."""
    labels = next(h.labels for h in bench.encoder.manifest.heads if h.name == "category")
    categories, ids = catalogue.values(field), catalogue.values("id")
    correct = narrows = 0
    for row, vector, probabilities in zip(
        queries.rows, queries.vectors, queries.categories, strict=True
    ):
        cosines = np.where(ids == row["id"], -1, catalogue.vectors @ vector)  # never itself
        best = int(np.argmax(probabilities))
        kept = categories == labels[best]
        if probabilities[best] >= sure and kept.any():
            cosines[~kept] = -1
            narrows += 1
        correct += right(row, catalogue.rows[int(np.argmax(cosines))])
    return correct / len(queries), narrows / len(queries)


def changed(bench: Bench, queries: Photos, weight: float) -> tuple[float, float, float]:
    """Return how often "like this, but red" finds both, the type, and the colour.

    Of each picture another colour is asked for, drawn by a seed, in which the shop has its type.
    """
    rng, shop = np.random.default_rng(0), bench.fashion
    types, colours = shop.values("article_type"), shop.values("base_colour")
    ids = shop.values("id")
    vectors = dict(zip(_COLOURS, bench.texts.encode([c.lower() for c in _COLOURS]), strict=True))
    both = []
    for row, vector in zip(queries.rows, queries.vectors, strict=True):
        there = set(colours[types == row["article_type"]]) - {row["base_colour"]}
        possible = [colour for colour in _COLOURS if colour in there]
        if not possible:
            continue
        wanted = possible[rng.integers(len(possible))]
        cosines = shop.vectors @ mixed([vector, vectors[wanted]], [1.0, weight])
        cosines[ids == row["id"]] = -1
        best = int(np.argmax(cosines))
        both.append((types[best] == row["article_type"], colours[best] == wanted))
    kind, colour = np.array(both).T
    return float((kind & colour).mean()), float(kind.mean()), float(colour.mean())
