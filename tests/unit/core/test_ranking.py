"""Neighbours become products; copies collapse; diversity is maximal marginal relevance."""

import numpy as np
import pytest

from service.core.ranking import best_per_product, collapse, diversified
from service.core.types import Vectors


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


def collapsed(vectors: Vectors, least: float, pictures: str | None = None) -> dict[int, list[int]]:
    """Of pictures that all differ, unless a letter each says which are the same."""
    return collapse(vectors, least, lambda place: pictures[place] if pictures else f"{place}")


def test_copies_collapse_into_the_best_of_them() -> None:
    vectors = unit(3, 1)[[0, 1, 0, 2, 1, 0]]
    kept = collapsed(vectors, 0.99)
    assert kept == {0: [2, 5], 1: [4], 3: []}
    assert list(kept) == [0, 1, 3]


def test_the_same_bytes_are_one_whatever_rounding_makes_of_their_cosine() -> None:
    vectors = unit(3, 2)
    vectors[1] = vectors[0] * 0.999
    assert collapsed(vectors, 1.0, "aab") == {0: [1], 2: []}
    assert collapsed(vectors, 1.0, "abc") == {0: [], 1: [], 2: []}


def test_the_same_bytes_come_before_what_is_only_like_them() -> None:
    like, other = unit(2, 7)
    between = (like + 0.05 * other) / np.linalg.norm(like + 0.05 * other)
    vectors = np.stack([like, between, between])
    assert collapsed(vectors, 0.9999, "abb") == {0: [], 1: [2]}
    assert collapsed(vectors, 0.9999, "aba") == {0: [2], 1: []}


@pytest.mark.parametrize("least", [-0.2, 0.3, 0.6, 0.9])
def test_of_what_collapse_keeps_no_two_are_near_and_what_it_drops_is(least: float) -> None:
    vectors = unit(40, 4)
    kept = collapsed(vectors, least)
    places = list(kept)
    assert ((vectors[places] @ vectors[places].T)[np.triu_indices(len(places), 1)] < least).all()
    for place, others in kept.items():
        for other in others:
            assert vectors[other] @ vectors[place] >= least
    assert sorted([*kept, *(other for others in kept.values() for other in others)]) == [*range(40)]


def test_more_pictures_than_are_compared_at_once_collapse_as_a_few_do() -> None:
    vectors = unit(300, 5)
    vectors = np.concatenate([vectors, vectors[::-1], unit(1, 6), vectors[:7]])
    kept = collapsed(vectors, 0.999)
    assert list(kept) == [*range(300), 600]
    assert kept[0] == [599, 601]
    assert kept[299] == [300]
    assert kept[600] == []


@pytest.mark.parametrize("limit", [None, 1])
def test_the_best_picture_stands_for_its_product(limit: int | None) -> None:
    ranked = best_per_product(
        np.array([0.9, 0.8, 0.7, 0.0], np.float32),
        np.array([2, 0, 1, -1]),
        np.array([1, 0, 1, 1], np.int32),
        limit,
    )
    assert ranked.rows.tolist() == [2, 0][:limit]
    assert ranked.matched.tolist() == [2, 1][:limit]
    assert ranked.similarities.tolist() == pytest.approx([0.9, 0.8][:limit])
