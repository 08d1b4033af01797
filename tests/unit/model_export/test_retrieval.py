import numpy as np
import pytest

from model_export.bundle import ExportError
from model_export.retrieval import nearest, overlap_at_k, precision_at_1


def unit(count: int, dim: int = 5, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_neighbours_are_those_of_plain_search_over_several_blocks() -> None:
    vectors = unit(1100)
    found = nearest(vectors, 7)
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(cosines, -2)
    best = -np.sort(-cosines, axis=1)[:, :7]
    assert found.shape == (1100, 7)
    assert (found != np.arange(1100)[:, None]).all()
    np.testing.assert_allclose(np.take_along_axis(cosines, found, axis=1), best, atol=1e-6)


def test_equal_similarities_come_in_the_order_of_rows() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 0, 0]]
    assert nearest(vectors, 3).tolist() == [[2, 3, 1], [0, 2, 3], [0, 3, 1], [0, 2, 1]]


@pytest.mark.parametrize("k", [0, 4, 9])
def test_neighbours_beyond_the_pictures_are_refused(k: int) -> None:
    with pytest.raises(ExportError, match=f"{k} neighbours need {k + 1} pictures, not 4"):
        nearest(unit(4), k)


def test_precision_counts_the_pictures_whose_nearest_has_their_label() -> None:
    vectors = directions(0, 2, 10, 13, 50)
    # 0 finds 2, 2 finds 0, 10 finds 13 and 13 finds 10: which are bag and shoe.
    assert precision_at_1(vectors, ["shoe", "shoe", "bag", "shoe", "bag"]) == pytest.approx(2 / 5)


def test_pictures_without_a_label_neither_ask_nor_answer() -> None:
    vectors = directions(0, 1, 5, 80, 84)
    # The nearest of 0 with a label is 5, not 1.
    assert precision_at_1(vectors, ["shoe", None, "shoe", "bag", "bag"]) == 1.0


def test_a_label_that_occurs_once_answers_but_does_not_ask() -> None:
    vectors = directions(0, 1, 5, 80, 84)
    assert precision_at_1(vectors, ["shoe", "hat", "shoe", "bag", "bag"]) == pytest.approx(2 / 4)


@pytest.mark.parametrize("labels", [[None] * 4, ["a", "b", None, "c"]])
def test_precision_without_a_pair_is_an_error_and_not_a_nan(labels: list[str | None]) -> None:
    with pytest.raises(ExportError, match="no label occurs twice among 4 pictures"):
        precision_at_1(unit(4), labels)


def test_overlap_is_whole_for_a_turned_space_and_partial_for_another() -> None:
    vectors = unit(200, dim=8)
    turned = vectors @ np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    assert overlap_at_k(vectors, turned.astype(np.float32), 10) == pytest.approx(1, abs=0.01)
    # Of 199 others 10 are right: by chance one list holds 5 % of another.
    assert overlap_at_k(vectors, unit(200, dim=3, seed=2), 10) == pytest.approx(0.05, abs=0.03)


def test_overlap_counts_what_two_lists_share_in_any_order() -> None:
    a, b = directions(0, 1, 3, 7), directions(0, 3, 1, 7)
    # Nearest two in a: 12, 02, 10, 21; in b: 21, 20, 01, 10.
    assert overlap_at_k(a, b, 2) == pytest.approx((2 + 2 + 2 + 2) / 8)
    # The first alone agrees for none but the last, whose nearest swapped places.
    assert overlap_at_k(a, b, 1) == 0


def test_overlap_of_different_samples_is_refused() -> None:
    with pytest.raises(ExportError, match="4 vectors against 5"):
        overlap_at_k(unit(4), unit(5), 2)
