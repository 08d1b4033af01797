import numpy as np

from model_export.differences import Difference, Found, find_differences
from model_export.retrieval import nearest


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


# Six pictures, two kinds. In A the kinds lie apart; in B picture 2 has gone over to the bags.
KINDS = ("shoe", "shoe", "shoe", "bag", "bag", "bag")
A = directions(0, 1, 2.5, 90, 91, 92.5)
B = directions(0, 1, 90.5, 90, 91, 92.5)


def test_a_query_belongs_to_the_side_that_finds_more_of_its_label() -> None:
    differences = find_differences((A, B), (nearest(A, 2), nearest(B, 2)), KINDS)
    # B loses both shoes for 2, and one right answer for every other; equals come as sampled.
    assert [d.query for d in differences.a_finds_more.greatest] == [2, 0, 1, 3, 4, 5]
    assert differences.b_finds_more.total == 0
    back = find_differences((B, A), (nearest(B, 2), nearest(A, 2)), KINDS)
    assert back.b_finds_more.total == differences.a_finds_more.total == 6
    assert back.a_finds_more.total == 0


def test_the_greatest_gain_comes_first_with_the_answers_of_both() -> None:
    differences = find_differences((A, B), (nearest(A, 2), nearest(B, 2)), KINDS, limit=1)
    (first,) = differences.a_finds_more.greatest
    assert first == Difference(
        2,
        (
            (
                Found(1, float(A[2] @ A[1]), right=True, shared=False),
                Found(0, float(A[2] @ A[0]), right=True, shared=False),
            ),
            (
                Found(3, float(B[2] @ B[3]), right=False, shared=False),
                Found(4, float(B[2] @ B[4]), right=False, shared=False),
            ),
        ),
    )
    assert differences.a_finds_more.total > 1


def test_what_both_found_is_marked_in_both() -> None:
    a = np.array([[1, 2], [0, 2], [0, 1]])
    b = np.array([[2, 3], [0, 2], [0, 1], [0, 1]])
    vectors = directions(0, 10, 20, 30)
    both = np.concatenate([a, [[0, 1]]])
    differences = find_differences((vectors, vectors), (both, b), [None] * 4)
    (only,) = differences.neither.greatest
    assert only.query == 0
    assert [[f.shared for f in side] for side in only.answers] == [[False, True], [True, False]]


def test_without_labels_those_with_fewest_in_common_come_first_and_nothing_is_judged() -> None:
    vectors = directions(*range(0, 80, 10))
    a = np.tile([1, 2, 3], (8, 1))
    b = np.array([[1, 2, 4], [4, 5, 6], [3, 2, 1], [1, 5, 6]] + [[1, 2, 3]] * 4)
    differences = find_differences((vectors, vectors), (a, b), [None] * 8)
    assert [d.query for d in differences.neither.greatest] == [1, 3, 0]
    assert {f.right for d in differences.neither.greatest for side in d.answers for f in side} == {
        None
    }
    assert differences.a_finds_more.total == differences.b_finds_more.total == 0


def test_a_picture_without_a_label_is_neither_right_nor_wrong() -> None:
    vectors = directions(0, 10, 20)
    a, b = np.array([[1], [0], [0]]), np.array([[2], [0], [0]])
    (only,) = find_differences((vectors, vectors), (a, b), ["shoe", None, "bag"]).neither.greatest
    assert [side[0].right for side in only.answers] == [None, False]


def test_models_that_agree_have_no_differences() -> None:
    differences = find_differences((A, A), (nearest(A, 3), nearest(A, 3)), KINDS)
    assert differences.neither.total == 0
    assert differences.a_finds_more.greatest == ()
