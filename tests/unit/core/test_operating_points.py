"""What a recall that was measured promises, and which point serves."""

import numpy as np
import pytest

from service.core.manifest import OperatingPoint, SearchPoint
from service.core.operating_points import at_least, choose, recalls


def point(recall: float, least: float | None, milliseconds: float) -> OperatingPoint:
    return OperatingPoint(
        search=SearchPoint(), recall=recall, recall_at_least=least, milliseconds=milliseconds
    )


def test_each_query_has_a_recall_of_its_own() -> None:
    true = np.array([[0.9, 0.8], [0.7, 0.6]], np.float32)
    found = np.array([[0.9, 0.8], [0.7, 0.5]], np.float32)
    np.testing.assert_array_equal(recalls(found, true), [1.0, 0.5])


@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_what_is_promised_holds_for_99_of_100_samples(spread: float) -> None:
    """Queries of which some find all and some little, as those of a real index do."""
    rng = np.random.default_rng(0)
    every = rng.binomial(10, rng.beta(9.5 * spread, 0.5 * spread, size=100_000)) / 10
    broken = sum(at_least(rng.choice(every, 512)) > every.mean() for _ in range(400))
    assert broken <= 12, "of 4 expected"


def test_a_promise_is_below_the_mean_nearer_to_it_of_more_queries_and_the_same_again() -> None:
    recalls = np.array([1.0, 0.9, 0.8, 1.0, 0.6, 1.0, 1.0, 0.9])
    few, many = (at_least(np.tile(recalls, times)) for times in (10, 100))
    assert few < many < recalls.mean()
    assert few == at_least(np.tile(recalls, 10))
    assert at_least(np.ones(5)) == 1


def test_the_cheapest_point_that_promises_the_target_serves() -> None:
    edge, sound, dear = point(0.96, 0.94, 1), point(0.97, 0.95, 2), point(0.99, 0.98, 3)
    assert choose([edge, dear, sound], 0.95) == sound
    assert choose([edge, dear, sound], 0.99) == dear, "the nearest to it there is"
    before = point(0.95, None, 1)
    assert choose([before, sound], 0.95) == before, "of manifests that tell no more"
