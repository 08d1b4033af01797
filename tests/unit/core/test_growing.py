"""Rows are added at the end, and what was shown before never changes."""

import numpy as np
import pytest

from service.core.growing import Growing


def test_every_view_keeps_what_it_showed_while_the_array_grows() -> None:
    rng, growing = np.random.default_rng(0), Growing(np.empty((0, 3), np.float32))
    every: np.ndarray = np.empty((0, 3), np.float32)
    held = []
    for count in (0, 1, 1, 5, 0, 2, 300, 1):
        rows = rng.normal(size=(count, 3)).astype(np.float32)
        growing.extend(rows)
        every = np.concatenate([every, rows])
        assert len(growing) == len(every)
        held.append((growing.view(), every))
    for view, expected in held:
        assert view.dtype == np.float32
        np.testing.assert_array_equal(view, expected)


def test_what_is_shown_cannot_be_written_to() -> None:
    growing = Growing(np.empty(0, np.int32))
    growing.extend(np.array([1, 2], np.int32))
    with pytest.raises(ValueError, match="read-only"):
        growing.view()[0] = 7
    growing.extend(np.array([3], np.int32))
    assert growing.view().tolist() == [1, 2, 3]


def test_a_row_is_copied_a_few_times_in_its_life_and_not_at_every_write() -> None:
    growing = Growing(np.empty(0, np.int32))
    buffers = set()
    for number in range(1000):
        growing.extend(np.array([number], np.int32))
        buffers.add(growing.view().__array_interface__["data"][0])
    assert len(buffers) < 15
