"""What the encoder does alone: every set-up is tried, and the fastest are kept."""

import time

import numpy as np
import pytest

from bench.raw import Raw, SetUp, set_ups, told
from service.adapters.bundles import read_bundle
from service.settings import DEFAULT_BUNDLE

SIDE = read_bundle(DEFAULT_BUNDLE).preprocess.size


@pytest.fixture(scope="module")
def raw() -> Raw:
    pixels = np.random.default_rng(0).integers(256, size=(8, SIDE, SIDE, 3), dtype=np.uint8)
    return Raw(DEFAULT_BUNDLE / "image-24.onnx", pixels)


def test_tried_are_every_core_in_one_run_a_run_a_core_and_two_on_all() -> None:
    tried = set_ups(2, batches=(1, 8))
    assert {(each.threads, each.runs) for each in tried} == {(2, 1), (1, 2), (2, 2)}
    assert len(tried) == 6
    # On one core the first two are the same.
    assert set_ups(1, batches=(4,)) == [SetUp(4, 1, 1), SetUp(4, 1, 2)]


def test_the_best_come_first_and_are_those_kept(raw: Raw) -> None:
    found = raw.best(set_ups(2, batches=(1, 8)), seconds=0.01)
    assert len(found) == 2
    first, second = found.values()
    assert first >= second > 0
    listed = told(found)
    assert [each["images_per_second"] for each in listed] == [round(first, 1), round(second, 1)]
    assert listed[0].keys() == {"batch", "threads", "runs", "images_per_second"}


@pytest.mark.parametrize("how", [SetUp(8, 1, 1), SetUp(3, 1, 2)])
def test_a_rate_is_of_at_least_two_runs_and_the_time_asked_for(raw: Raw, how: SetUp) -> None:
    start = time.perf_counter()
    rate = raw.rate(how, seconds=0.2)
    elapsed = time.perf_counter() - start
    assert elapsed >= 0.2
    # No more pictures are counted than could have been run in all that time.
    assert 2 * how.batch * how.runs / elapsed <= rate * 1.5
    assert raw.rate(how, seconds=0.0) > 0
