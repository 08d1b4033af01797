import numpy as np
import pytest

from service.demo import patterns
from service.demo.camera import camera
from service.demo.geometry import bounds, curve, ellipse, mirrored, ribbon, rounded, turned

BOX = (-1.0, 0.0, 1.0, 1.5)


def test_a_curve_passes_through_its_knots() -> None:
    knots = [[0.0, 0.0], [1.0, 0.2], [1.3, 1.0, 1], [0.1, 0.8]]
    drawn = curve(knots, steps=8)
    np.testing.assert_allclose(drawn[::8], [knot[:2] for knot in knots])


def test_between_sharp_corners_a_curve_is_straight() -> None:
    drawn = curve([[0.0, 0.0, 1], [1.0, 2.0, 1]], closed=False)
    np.testing.assert_allclose(drawn[:, 1], 2 * drawn[:, 0], atol=1e-12)


def test_a_mirrored_outline_equals_its_reflection() -> None:
    outline = mirrored([[0.0, 0.0], [0.5, 0.1, 1], [0.7, 1.0], [0.0, 1.2]], steps=4)
    reflected = {(-round(x, 9) + 0.0, round(y, 9)) for x, y in outline}
    assert reflected == {(round(x, 9) + 0.0, round(y, 9)) for x, y in outline}


def test_bounds_of_simple_shapes() -> None:
    assert bounds([rounded(0.0, 0.0, 2.0, 1.0, 0.2)]) == pytest.approx((0.0, 0.0, 2.0, 1.0))
    assert bounds([ellipse(1.0, 1.0, 0.5, 0.25)]) == pytest.approx((0.5, 0.75, 1.5, 1.25))
    band = ribbon(np.array([[0.0, 0.0], [0.0, 1.0]]), 0.2)
    assert bounds([band]) == pytest.approx((-0.1, 0.0, 0.1, 1.0))
    assert bounds([turned(band, 90)])[2:] == pytest.approx((0.0, 0.1))


@pytest.mark.parametrize("view", range(6))
def test_positions_are_the_inverse_of_projection(view: int) -> None:
    shot = camera(BOX, view=view, size=64, standing=False, rng=np.random.default_rng(view))
    x, y = shot.positions(64)
    back = shot.project(np.array([[x[10, 20], y[10, 20]]], dtype=np.float64))
    np.testing.assert_allclose(back, [[20.5, 10.5]], atol=1e-3)


def test_the_packshot_is_centred_whatever_the_random_numbers() -> None:
    shot = camera(BOX, view=0, size=200, standing=True, rng=np.random.default_rng(1))
    corners = shot.project(np.array([[-1.0, 0.0], [1.0, 1.5]]))
    np.testing.assert_allclose(corners, [[20.0, 40.0], [180.0, 160.0]])


@pytest.mark.parametrize("name", patterns.PATTERNS)
@pytest.mark.parametrize("seed", range(6))
def test_a_pattern_shows_both_colours(name: str, seed: int) -> None:
    axis = np.linspace(-1, 1, 128, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    spec = patterns.pattern(name, (0.0, 0.0, 0.5), np.random.default_rng(seed))
    share = patterns.weigh(spec, x, y, 2 / 128)
    if share is None:
        assert name == "plain"
        return
    assert 0.0 <= share.min() < 0.05
    assert 0.95 < share.max() <= 1.0
    assert 0.02 < share.mean() < 0.9
