"""Mugs and teapots, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import Points, curve, ellipse, mirrored, ribbon
from service.demo.palette import RGB, Look, mixed, scaled
from service.demo.parts import Drawing, Paint, Part


def glaze(colour: RGB, *, patterned: bool = True, gloss: float = 0.5) -> Paint:
    """Return the paint of a turned, glazed body."""
    return Paint(colour, patterned, bevel=0.05, relief=0.15, lathe=0.85, gloss=gloss, fade=0.08)


def rim(y: float, half: float, colour: RGB, tilt: float = 0.2) -> list[Part]:
    """Return an opening seen from a little above: its lip and the dark within."""
    lip = ellipse(0, y, half, half * tilt)
    hole = ellipse(0, y + half * 0.01, half * 0.90, half * tilt * 0.82)
    return [
        Part(lip, Paint(mixed(colour, (1.0, 1.0, 1.0), 0.25), bevel=0.02, relief=0.2, fade=0.0)),
        Part(hole, Paint(scaled(colour, 0.55), bevel=0.08, relief=-0.5, fade=-0.4)),
    ]


def mug(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a mug; style is straight, tapered, barrel or camping."""
    half, height = rng.uniform(0.44, 0.56), rng.uniform(0.86, 1.2)
    foot = half * {"tapered": rng.uniform(0.62, 0.78), "straight": 1.0}.get(style, 0.92)
    belly = {"barrel": rng.uniform(1.10, 1.2), "tapered": 0.95}.get(style, 1.0)
    sag = half * 0.2
    body = mirrored(
        [
            [0, 0],
            [half, 0, 1],
            [half * belly, height * 0.45],
            [foot, height - 0.05],
            [foot * 0.9, height + 0.02],
            [foot * 0.5, height + sag * 0.75],
            [0, height + sag * 0.85],
        ]
    )
    reach, low = rng.uniform(0.28, 0.42), rng.uniform(0.62, 0.82)
    square = rng.random() < 0.35
    side = half * belly * 0.94
    knots = [
        [side, height * 0.2],
        [side + reach * 0.9, height * 0.2],
        [side + reach, height * 0.45],
        [side + reach * 0.6, height * low],
        [side * 0.97, height * low],
    ]
    if square:
        knots = [
            [*knots[0], 1],
            [side + reach, height * 0.2, 1],
            [side + reach, height * low, 1],
            [side * 0.96, height * low, 1],
        ]
    handle_colour = look.trim if rng.random() < 0.4 else look.main
    handle = ribbon(curve(knots, closed=False), rng.uniform(0.09, 0.15))
    grip = Paint(handle_colour, bevel=0.06, relief=0.7, gloss=0.3)
    parts = [Part(handle, grip), Part(body, glaze(look.main)), *rim(0.0, half, look.main)]
    if style == "camping":
        lip = ribbon(
            curve(
                [[half * np.cos(a), half * 0.2 * np.sin(a)] for a in np.linspace(0, np.pi, 9)],
                closed=False,
            ),
            0.045,
        )
        parts.append(Part(lip, Paint(look.second, bevel=0.02, gloss=0.3)))
    return Drawing(tuple(parts), standing=True, print_at=(0.0, height * 0.56, 0.27))


def _spout(side: float, height: float, tip: float) -> Points:
    path = curve(
        [
            [side * 0.8, height * 0.68],
            [side + 0.16, height * 0.5],
            [side + 0.26, tip + 0.1],
            [side + 0.42, tip],
        ],
        closed=False,
    )
    return ribbon(path, 0.24, 0.09)


def teapot(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a teapot; style is round, tall or low."""
    height = {"tall": rng.uniform(1.05, 1.25), "low": rng.uniform(0.6, 0.7)}.get(
        style, float(rng.uniform(0.8, 0.95))
    )
    wide = rng.uniform(0.54, 0.64) if style != "low" else rng.uniform(0.62, 0.74)
    mouth, foot = wide * rng.uniform(0.45, 0.6), wide * rng.uniform(0.5, 0.75)
    belly = height * rng.uniform(0.45, 0.65)
    body = mirrored(
        [
            [0, -0.02],
            [mouth, 0, 1],
            [wide * 0.86, height * 0.2],
            [wide, belly],
            [foot, height - 0.02],
            [foot * 0.6, height + 0.05],
            [0, height + 0.06],
        ]
    )
    grip = rng.uniform(0.26, 0.38)
    handle = curve(
        [
            [-wide * 0.86, height * 0.22],
            [-wide - grip, height * 0.12],
            [-wide - grip * 1.05, height * 0.5],
            [-wide * 0.92, height * 0.74],
        ],
        closed=False,
    )
    lid = mirrored(
        [[0, -0.2], [mouth * 0.55, -0.15], [mouth * 0.98, -0.01], [mouth * 0.9, 0.03], [0, 0.07]]
    )
    knob_colour = look.wood if rng.random() < 0.4 else look.trim
    plain = Paint(look.main, bevel=0.07, relief=0.7, gloss=0.4)
    return Drawing(
        (
            Part(_spout(wide, height, rng.uniform(0.0, 0.18)), plain),
            Part(
                ribbon(handle, rng.uniform(0.08, 0.12)),
                Paint(knob_colour, bevel=0.05, relief=0.7, gloss=0.3),
            ),
            Part(body, glaze(look.main)),
            Part(
                ellipse(0, -0.24, 0.085, 0.075),
                Paint(knob_colour, bevel=0.05, relief=0.7, gloss=0.3),
            ),
            Part(lid, glaze(look.main, patterned=False), lift=0.3),
        ),
        standing=True,
        print_at=(0.0, belly, wide * 0.42),
    )
