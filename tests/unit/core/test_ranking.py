"""Neighbours become products; copies collapse; diversity is maximal marginal relevance."""

import numpy as np
import pytest

from service.core.ranking import best_per_product, collapse, diversified
from service.core.types import Hit, Vectors


def unit(n: int, seed: int, dim: int = 8) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def candidates(n: int, seed: int) -> tuple[np.ndarray, Vectors]:
    """Falling similarities to a query, and the vectors they are of."""
    vectors, (query,) = unit(n, seed), unit(1, seed + 1000)
    order = np.argsort(-(vectors @ query))
    return (vectors @ query)[order], vectors[order]


def plain_mmr(similarities: list[float], vectors: Vectors, diversity: float) -> list[int]:
    """Carbonell and Goldstein's formula, word for word."""
    left, chosen = list(range(len(similarities))), []
    while left:
        best = max(
            left,
            key=lambda i: (
                (1 - diversity) * similarities[i]
                - diversity * max((float(vectors[i] @ vectors[j]) for j in chosen), default=0.0)
            ),
        )
        if not chosen:
            best = 0
        chosen.append(best)
        left.remove(best)
    return chosen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("diversity", [0.1, 0.3, 0.5, 0.9, 1.0])
def test_diversity_is_maximal_marginal_relevance(seed: int, diversity: float) -> None:
    similarities, vectors = candidates(25, seed)
    expected = plain_mmr(similarities.tolist(), vectors, diversity)
    assert diversified(similarities, vectors, diversity, 25) == expected
    assert diversified(similarities, vectors, diversity, 7) == expected[:7]
    assert diversified(similarities, vectors, diversity, 99) == expected


def test_no_diversity_keeps_the_order_also_of_equals() -> None:
    similarities = np.array([0.9, 0.5, 0.5, 0.5, 0.1], np.float32)
    assert diversified(similarities, unit(5, 0), 0.0, 5) == [0, 1, 2, 3, 4]


def test_more_diversity_means_less_alike() -> None:
    similarities, vectors = candidates(100, 3)

    def likeness(diversity: float) -> float:
        chosen = vectors[diversified(similarities, vectors, diversity, 10)]
        return float((chosen @ chosen.T)[np.triu_indices(10, 1)].mean())

    assert likeness(0.0) > likeness(0.5) > likeness(1.0)


def test_of_nothing_nothing_is_chosen() -> None:
    assert diversified(np.empty(0, np.float32), np.empty((0, 8), np.float32), 0.5, 3) == []


def test_copies_collapse_into_the_best_and_it_names_them() -> None:
    vectors = unit(3, 1)[[0, 1, 0, 2, 1, 0]]
    hits = [Hit(f"p{i}", f"picture {i}", 1 - i / 10, 1, i) for i in range(6)]
    kept = collapse(hits, vectors, 0.99)
    assert [(hit.product_id, hit.duplicates) for hit in kept] == [
        ("p0", ("p2", "p5")),
        ("p1", ("p4",)),
        ("p3", ()),
    ]
    assert [(hit.similarity, hit.row) for hit in kept] == [(1.0, 0), (0.9, 1), (0.7, 3)]


def test_the_same_bytes_are_one_whatever_rounding_makes_of_their_cosine() -> None:
    hits = [Hit("a", "same", 0.9, 1, 0), Hit("b", "same", 0.9, 1, 1), Hit("c", "other", 0.8, 1, 2)]
    vectors = unit(3, 2)
    vectors[1] = vectors[0] * 0.999
    assert [hit.product_id for hit in collapse(hits, vectors, 1.0)] == ["a", "c"]


@pytest.mark.parametrize("least", [-0.2, 0.3, 0.6, 0.9])
def test_of_what_collapse_keeps_no_two_are_near_and_what_it_drops_is(least: float) -> None:
    vectors = unit(40, 4)
    hits = [Hit(f"p{i}", f"picture {i}", 1 - i / 100, 1, i) for i in range(40)]
    kept = collapse(hits, vectors, least)
    rows = [hit.row for hit in kept]
    assert ((vectors[rows] @ vectors[rows].T)[np.triu_indices(len(rows), 1)] < least).all()
    for hit in kept:
        for other in hit.duplicates:
            assert vectors[int(other[1:])] @ vectors[hit.row] >= least
    assert sorted([h.product_id for h in kept] + [d for h in kept for d in h.duplicates]) == sorted(
        hit.product_id for hit in hits
    )


def test_more_hits_than_are_compared_at_once_collapse_as_a_few_do() -> None:
    vectors = unit(300, 5)
    vectors = np.concatenate([vectors, vectors[::-1], unit(1, 6), vectors[:7]])
    hits = [Hit(f"p{i}", f"picture {i}", 1 - i / 1000, 1, i) for i in range(len(vectors))]
    kept = collapse(hits, vectors, 0.999)
    assert [hit.row for hit in kept] == [*range(300), 600]
    assert kept[0].duplicates == ("p599", "p601")
    assert kept[299].duplicates == ("p300",)
    assert kept[300].duplicates == ()


@pytest.mark.parametrize("limit", [None, 1])
def test_the_best_picture_stands_for_its_product(limit: int | None) -> None:
    hits = best_per_product(
        np.array([0.9, 0.8, 0.7, 0.0], np.float32),
        np.array([2, 0, 1, -1]),
        np.array([1, 0, 1, 1], np.int32),
        ["x", "y", "z"],
        ["q", "p", "p"],
        limit,
    )
    assert [(h.product_id, h.image_id, h.matched_images, h.row) for h in hits] == [
        ("p", "z", 2, 2),
        ("q", "x", 1, 0),
    ][:limit]
    assert [h.similarity for h in hits] == pytest.approx([0.9, 0.8][:limit])
