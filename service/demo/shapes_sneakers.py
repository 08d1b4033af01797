"""Sneakers from the side, toe to the right: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import Points, curve, ribbon
from service.demo.palette import RGB, Look, scaled
from service.demo.parts import Drawing, Paint, Part, Seam

_RUBBER: RGB = (0.93, 0.92, 0.89)


def laces(start: Points, stop: Points, count: int, colour: RGB) -> list[Part]:
    """Return short bars across the tongue between two points."""
    along = stop - start
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along) * 0.13
    places = [start + along * share for share in np.linspace(0.05, 0.95, count)]
    paint = Paint(colour, bevel=0.025, relief=0.4, fade=0.0)
    return [
        Part(ribbon(np.array([p - across, p + across * 0.7]), 0.05), paint, lift=0.4)
        for p in places
    ]


def sneaker(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a sneaker; style is low-top, high-top, running or slip-on."""
    collar = -rng.uniform(0.90, 1.12) if style == "high-top" else -rng.uniform(0.56, 0.70)
    sole = rng.uniform(0.22, 0.30) if style == "running" else rng.uniform(0.14, 0.20)
    toe, nose = rng.uniform(0.27, 0.34), rng.uniform(0.94, 1.02)
    vamp, mouth = rng.uniform(0.22, 0.36), -rng.uniform(0.22, 0.32)
    sole_colour = look.second if rng.random() < 0.25 else _RUBBER
    parts = _upper(collar, toe, nose, mouth=mouth, vamp=vamp, look=look)
    if rng.random() < 0.6:
        cap_colour = look.trim if style == "running" else sole_colour
        knots = [[nose - 0.36, 0.03, 1], [nose - 0.34, -toe * 0.5], [nose - 0.24, -toe * 0.92]]
        cap = curve([*knots, [nose - 0.03, -0.09], [nose - 0.01, 0.03, 1]])
        parts.append(Part(cap, Paint(cap_colour, bevel=0.07, relief=0.5)))
    knots = [[-0.92, 0.02, 1], [-0.955, collar * 0.5], [-0.88, collar + 0.02, 1]]
    heel = curve([*knots, [-0.76, collar + 0.05], [-0.68, -0.12], [-0.6, 0.02, 1]])
    parts.append(Part(heel, Paint(look.trim, bevel=0.07, relief=0.5), lift=0.15))
    parts += _sneaker_side(rng, style, look)
    parts.append(_sneaker_sole(nose, sole, rng.uniform(0.02, 0.10), sole_colour))
    if style != "slip-on":
        first, last = np.array([mouth + 0.03, collar + 0.07]), np.array([vamp + 0.02, -toe - 0.12])
        lace = (0.95, 0.95, 0.93) if look.second[0] < 0.6 else look.second
        parts += laces(first, last, 6 if style == "high-top" else 4, lace)
    return Drawing(tuple(parts), standing=True, print_at=(-0.3, -0.22, 0.13))


def _upper(
    collar: float, toe: float, nose: float, *, mouth: float, vamp: float, look: Look
) -> list[Part]:
    """Return the opening, the tongue and the upper."""
    upper = curve(
        [
            [-0.93, 0.02, 1],
            [-0.97, collar * 0.55],
            [-0.88, collar, 1],
            [-0.62, collar + 0.09],
            [mouth, collar + 0.02, 1],
            [vamp, -toe - 0.10],
            [nose - 0.28, -toe + 0.01],
            [nose - 0.06, -toe * 0.6],
            [nose, -0.05],
            [nose, 0.02, 1],
        ]
    )
    knots = [[-0.86, collar + 0.01, 1], [-0.6, collar - 0.02], [mouth, collar + 0.03, 1]]
    inside = curve([*knots, [-0.6, collar + 0.2]])
    knots = [[mouth - 0.12, collar - 0.09, 1], [mouth + 0.05, collar - 0.05]]
    tongue = curve([*knots, [vamp, -toe - 0.08], [vamp - 0.25, -toe + 0.05]])
    joint = curve([[0.42, 0.0], [0.36, -toe * 0.7], [vamp + 0.02, -toe - 0.12]], closed=False)
    cloth = Paint(look.main, True, bevel=0.13, relief=0.55)
    return [
        Part(inside, Paint(scaled(look.main, 0.5), bevel=0.04)),
        Part(tongue, Paint(look.trim, bevel=0.05)),
        Part(upper, cloth, seams=(Seam(joint, 0.018, 0.35),)),
    ]


def _sneaker_sole(nose: float, thick: float, kick: float, colour: RGB) -> Part:
    outline = curve(
        [
            [-0.98, -0.04],
            [nose - 0.2, -0.02],
            [nose + 0.05, -0.06 - kick / 2],
            [nose + 0.02, thick * 0.6],
            [0.5, thick, 1],
            [-0.85, thick, 1],
            [-1.02, thick * 0.6],
        ]
    )
    ridge = curve(
        [[-1.0, thick * 0.5], [0, thick * 0.55], [nose + 0.03, thick * 0.35]], closed=False
    )
    return Part(
        outline, Paint(colour, bevel=0.06, relief=0.4), seams=(Seam(ridge, 0.02, 0.22),), lift=0.2
    )


def _sneaker_side(rng: np.random.Generator, style: str, look: Look) -> list[Part]:
    """Return the mark on the side: a wave, three bars, or nothing."""
    mark = int(rng.integers(3))
    paint = Paint(look.second, bevel=0.02, relief=0.25, fade=0.0)
    if mark == 0 and style != "slip-on":
        wave = curve([[-0.62, -0.28], [-0.3, -0.13], [0.02, -0.2], [0.26, -0.36]], closed=False)
        return [Part(ribbon(wave, 0.10, 0.03), paint)]
    if mark == 1:
        bars = [np.array([[x, -0.02], [x + 0.14, -0.30]]) for x in (-0.42, -0.27, -0.12)]
        return [Part(ribbon(bar, 0.065), paint) for bar in bars]
    return []
