"""What a query is: its parts, what may be said of its answer, and the sum that is searched with."""

import numpy as np
import pytest

from service.core.errors import InvalidQueryError
from service.pipeline.querying import (
    KnownPicture,
    LikeProduct,
    Part,
    Picture,
    Point,
    Query,
    Words,
    mixed,
)


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def test_a_lone_vector_is_left_bit_by_bit_as_it_is() -> None:
    vector = unit(0.3, 0.4, 0.5)
    assert mixed([vector], [0.2]) is vector


def test_a_mix_is_the_weighted_sum_at_unit_length() -> None:
    x, y, z = np.eye(3, dtype=np.float32)
    found = mixed([x, y, z], [2, 1, -0.5])
    np.testing.assert_allclose(found, np.array([2, 1, -0.5]) / np.sqrt(5.25), atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(mixed([x, y], [1e-3, 1e-3]), mixed([x, y], [50, 50]), atol=1e-6)


def test_a_negative_weight_pushes_away() -> None:
    like, unlike = unit(1, 0.2, 0), unit(0, 1, 0)
    assert mixed([like, unlike], [1, -0.5]) @ unlike < like @ unlike
    np.testing.assert_allclose(mixed([like], [-1]), -like, atol=1e-6)


@pytest.mark.parametrize("weights", [(0, 0), (1, -1), (1e-9, -1e-9), (100, -100)])
def test_what_cancels_out_is_refused(weights: tuple[float, float]) -> None:
    vector = unit(0.1, 0.7, -0.4)
    with pytest.raises(InvalidQueryError, match="cancel out"):
        mixed([vector, vector.copy()], weights)


def test_a_weight_of_zero_alone_points_nowhere() -> None:
    with pytest.raises(InvalidQueryError, match="cancel out"):
        mixed([unit(1, 1)], [0])


def test_cosines_of_words_and_mixes_are_not_calibrated() -> None:
    sources = (Picture(b"x"), KnownPicture("x"), LikeProduct("x"), Point((1.0,)))
    assert all(Query.of(source).comparable for source in sources)
    assert not Query.of(Words("red")).comparable
    assert not Query((Part(Picture(b"x"), -1.0),)).comparable
    assert not Query((Part(Picture(b"x")), Part(Words("red")))).comparable


def test_the_picture_that_counts_most_is_the_one_told_of() -> None:
    a, b, c = Picture(b"a"), KnownPicture("b"), Picture(b"c")
    assert Query.of(a).shown == a
    assert Query((Part(a), Part(b, 2.0), Part(c, -3.0))).shown == b
    assert Query((Part(a), Part(c))).shown == a
    assert Query((Part(Words("red"), 5.0), Part(c, 0.1))).shown == c
    assert Query((Part(Words("red")), Part(c, -1.0))).shown is None
    assert Query.of(LikeProduct("p")).shown is None


def test_the_products_that_are_named_are_told() -> None:
    query = Query((Part(LikeProduct("a")), Part(LikeProduct("b"), -1.0), Part(Picture(b"x"))))
    assert query.product_ids == {"a", "b"}
    assert Query.of(Picture(b"x")).product_ids == frozenset()
