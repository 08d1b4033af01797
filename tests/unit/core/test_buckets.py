import pytest

from service.core.buckets import SIZES, parts, size_for


@pytest.mark.parametrize(
    ("count", "size"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (9, 16), (17, 32), (32, 32)]
)
def test_a_batch_runs_at_the_smallest_size_that_holds_it(count: int, size: int) -> None:
    assert size_for(count) == size


@pytest.mark.parametrize("count", [0, 1, 5, 31, 32, 33, 64, 100])
def test_parts_cover_every_picture_once_in_order_and_fit_their_size(count: int) -> None:
    covered = []
    for part, size in parts(count):
        rows = range(count)[part]
        assert size in SIZES
        assert size / 2 < len(rows) <= size
        covered += rows
    assert covered == list(range(count))


def test_all_but_the_last_part_are_full() -> None:
    assert [size for _, size in parts(70)] == [32, 32, 8]
