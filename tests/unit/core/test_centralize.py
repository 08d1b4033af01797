"""Centralised vectors, recomputed one by one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.core.centralize import centralized, middle, mutual, nearest, others
from service.core.types import Vectors

DIM = 12


def unit(n: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def by_hand(vectors: Vectors, k: int) -> NDArray[np.float64]:
    """One vector after another, from the words of the module alone."""
    similarities = vectors.astype(np.float64) @ vectors.T
    lists = []
    for i, row in enumerate(similarities):
        lists.append([j for j in np.argsort(-row).tolist() if j != i][:k])
    moved = []
    for i, near in enumerate(lists):
        total = vectors[i].astype(np.float64)
        for j in near:
            if i in lists[j]:
                total = total + vectors[j]
        moved.append(total / np.linalg.norm(total))
    return np.stack(moved)


def all_of(vectors: Vectors, k: int) -> Vectors:
    return np.concatenate(list(centralized(nearest(vectors, k), vectors.__getitem__)))


@pytest.mark.parametrize("k", [1, 2, 5, 39])
def test_each_vector_is_the_mean_with_its_mutual_neighbours(k: int) -> None:
    vectors = unit(40)
    np.testing.assert_allclose(all_of(vectors, k), by_hand(vectors, k), atol=1e-6)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit(41)
    whole = all_of(vectors, 5)
    monkeypatch.setattr("service.core.centralize._BLOCK", 7)
    monkeypatch.setattr("service.core.centralize._BLOCK_VECTORS", 60)
    parts = list(centralized(nearest(vectors, 5), vectors.__getitem__))
    assert len(parts) == 5
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_vectors_of_one_thing_come_closer_and_others_do_not() -> None:
    centres = unit(8, seed=1)
    of = np.arange(80) % 8
    vectors = centres[of] + 0.15 * np.random.default_rng(2).normal(size=(80, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    moved = all_of(vectors, 5)
    same = of[:, None] == of[None, :]
    before, after = vectors @ vectors.T, moved @ moved.T
    assert after[same].mean() > before[same].mean() + 0.05
    assert abs(after[~same].mean() - before[~same].mean()) < 0.05


def test_one_that_nobody_is_near_to_stays() -> None:
    """It has a nearest neighbour, as all have, which has nearer ones of its own."""
    vectors = np.zeros((4, DIM), np.float32)
    vectors[:3, 0], vectors[:3, 1] = 1, [0, 0.01, 0.02]
    vectors[3, 1] = 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    moved = all_of(vectors, 2)
    np.testing.assert_array_equal(moved[3], vectors[3])
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert (moved[0] != vectors[0]).any()


@pytest.mark.parametrize(("n", "k"), [(0, 5), (1, 5), (3, 5)])
def test_fewer_vectors_than_neighbours(n: int, k: int) -> None:
    vectors = unit(n)
    neighbours = nearest(vectors, k)
    assert neighbours.shape == (n, min(k, max(n - 1, 0)))
    parts = list(centralized(neighbours, vectors.__getitem__))
    assert sum(map(len, parts)) == n


def test_a_row_is_taken_out_of_its_own_neighbours_or_else_the_last_is() -> None:
    found = np.array([[0, 7, 8], [6, 1, 9], [5, 4, 3], [3, 5, -1]])
    np.testing.assert_array_equal(others(found, np.arange(4)), [[7, 8], [6, 9], [5, 4], [5, -1]])


def test_what_was_not_found_is_nobody_s_neighbour() -> None:
    neighbours = np.array([[1, -1], [0, -1], [-1, -1]], np.int32)
    np.testing.assert_array_equal(
        mutual(neighbours, slice(None)), [[True, False], [True, False], [False, False]]
    )


def test_between_opposites_there_is_no_middle() -> None:
    own = np.array([[1, 0]], np.float32)
    np.testing.assert_array_equal(middle(own, -own[:, None], np.array([[True]])), own)
