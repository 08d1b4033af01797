"""Words for how good an answer is: monotone, careful with look-alikes, silent of nothing."""

import math

import pytest

from service.core.matching import EXACT, LEAD, SAME, SIMILAR, WEAK, confidence, lead_of, match_of
from service.core.types import Hit

CURVE = {"slope": 10.0, "intercept": -7.0}
ORDER = ("none", "weak", "similar", "exact")


def cosine_of(probability: float) -> float:
    return (math.log(probability / (1 - probability)) - CURVE["intercept"]) / CURVE["slope"]


def hit(similarity: float, image: str = "", product: str = "p") -> Hit:
    return Hit(product, image or f"image at {similarity}", similarity, 1, 0)


def test_confidence_is_the_curve_s() -> None:
    assert confidence(CURVE, 0.7) == pytest.approx(0.5)
    for probability in (0.01, 0.3, 0.9):
        assert confidence(CURVE, cosine_of(probability)) == pytest.approx(probability)
    assert 0 < confidence(CURVE, -1) < confidence(CURVE, 1) < 1


def test_a_better_result_never_has_a_worse_word() -> None:
    words = [match_of(CURVE, [hit(step / 100)]) for step in range(-100, 101)]
    assert [ORDER.index(word) for word in words] == sorted(map(ORDER.index, words))
    assert set(words) == set(ORDER)


@pytest.mark.parametrize(
    ("probability", "below", "above"),
    [(WEAK, "none", "weak"), (SIMILAR, "weak", "similar"), (EXACT, "similar", "exact")],
)
def test_the_bounds_are_probabilities(probability: float, below: str, above: str) -> None:
    cosine = cosine_of(probability)
    assert match_of(CURVE, [hit(cosine - 1e-6)]) == below
    assert match_of(CURVE, [hit(cosine + 1e-6)]) == above


def test_what_hardly_leads_its_like_is_not_called_exact() -> None:
    best = cosine_of(EXACT) + 0.02
    assert match_of(CURVE, [hit(best), hit(best - LEAD + 1e-6)]) == "similar"
    assert match_of(CURVE, [hit(best), hit(best - LEAD - 1e-6)]) == "exact"


def test_the_very_same_picture_is_exact_however_near_the_next_is() -> None:
    assert match_of(CURVE, [hit(SAME), hit(SAME - 0.001)]) == "exact"


def test_one_picture_under_two_products_is_no_rival_of_itself() -> None:
    candidates = [hit(0.95, "a", "p"), hit(0.95, "a", "q"), hit(0.85, "b", "r")]
    assert lead_of(candidates) == pytest.approx(0.1)
    assert lead_of(candidates[:2]) == math.inf


def test_nothing_found_is_none() -> None:
    assert match_of(CURVE, []) == "none"
