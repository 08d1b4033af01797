import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.calibration_error import brier_score, expected_calibration_error

ROWS = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=60)


def test_a_hand_count_of_two_bins() -> None:
    confidence = np.array([0.1, 0.3, 0.5, 0.9, 0.9])
    right = np.array([False, False, True, True, False])
    # Up to 0.5: one of three right, 0.3 claimed; above it: one of two, 0.9 claimed.
    expected = 3 / 5 * abs(1 / 3 - 0.3) + 2 / 5 * abs(1 / 2 - 0.9)
    assert expected_calibration_error(confidence, right, bins=2) == pytest.approx(expected)
    assert brier_score(confidence, right) == pytest.approx((0.01 + 0.09 + 0.25 + 0.01 + 0.81) / 5)


def test_the_edge_of_a_bin_belongs_to_the_lower_one() -> None:
    together = expected_calibration_error(np.array([0.5, 0.1]), np.array([False, True]), bins=2)
    apart = expected_calibration_error(np.array([0.51, 0.1]), np.array([False, True]), bins=2)
    assert together == pytest.approx(abs(0.5 - 0.3))
    assert apart == pytest.approx((0.51 + 0.9) / 2)


def test_a_forecaster_that_is_always_sure_and_right_has_no_error() -> None:
    assert expected_calibration_error(np.ones(4), np.ones(4, bool)) == 0
    assert expected_calibration_error(np.zeros(4), np.zeros(4, bool)) == 0
    assert expected_calibration_error(np.ones(4), np.zeros(4, bool)) == 1


@given(ROWS)
def test_the_error_lies_between_the_gap_of_one_bin_and_that_of_every_row(
    rows: list[tuple[float, bool]],
) -> None:
    confidence = np.array([row[0] for row in rows])
    right = np.array([row[1] for row in rows])
    error = expected_calibration_error(confidence, right)
    assert abs(right.mean() - confidence.mean()) - 1e-9 <= error
    assert error <= np.abs(right - confidence).mean() + 1e-9


@pytest.mark.parametrize("shape", [(0,), (2, 2)])
def test_what_is_no_row_of_probabilities_is_refused(shape: tuple[int, ...]) -> None:
    for measure in (expected_calibration_error, brier_score):
        with pytest.raises(ValueError, match="must be"):
            measure(np.zeros(shape), np.zeros(shape, bool))
