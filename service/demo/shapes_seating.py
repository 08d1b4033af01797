"""Chairs and sofas, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import Points, curve, ellipse, mirrored, ribbon, rounded
from service.demo.palette import RGB, Look, scaled
from service.demo.parts import Drawing, Paint, Part, Seam


def leg(x: float, top: float, foot: float, low: float, width: float) -> Points:
    """Return a leg from (x, top) to (foot, low), thinner at its end."""
    return ribbon(np.array([[x, top], [foot, low]]), width, width * 0.6)


def chair(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a chair; style is shell, spindle, upholstered or stool."""
    half, seat = rng.uniform(0.46, 0.56), rng.uniform(0.80, 0.98)
    back = 0.0 if style == "stool" else rng.uniform(0.62, 0.9)
    splay, thick = rng.uniform(0.02, 0.14), rng.uniform(0.055, 0.095)
    legs_colour: RGB = look.wood if rng.random() < 0.7 else look.metal
    rear = Paint(scaled(legs_colour, 0.7), bevel=0.03, relief=0.5)
    front = Paint(legs_colour, bevel=0.03, relief=0.6)
    parts = [
        Part(leg(s * half * 0.72, 0.05, s * (half * 0.72 + splay * 0.5), seat - 0.13, thick), rear)
        for s in (-1, 1)
    ]
    if rng.random() < 0.5:
        parts.append(
            Part(
                ribbon(np.array([[-half * 0.85, seat * 0.55], [half * 0.85, seat * 0.55]]), 0.045),
                rear,
            )
        )
    parts += _chair_back(rng, style, look, half=half, back=back, frame=legs_colour)
    parts += [
        Part(leg(s * half * 0.88, 0.14, s * (half * 0.9 + splay), seat, thick), front)
        for s in (-1, 1)
    ]
    wide = half * rng.uniform(1.0, 1.12)
    pad = rng.uniform(0.10, 0.2)
    top = mirrored(
        [[0, -0.10], [wide * 0.86, -0.09], [wide, 0.05], [wide * 0.98, 0.05 + pad], [0, 0.09 + pad]]
    )
    cover = Paint(look.main, True, bevel=0.10, relief=0.6)
    edge = Seam(curve([[-wide, 0.06], [0, 0.10], [wide, 0.06]], closed=False), 0.016, 0.3)
    parts.append(Part(top, cover, seams=(edge,), lift=0.3))
    plain_back = style in ("spindle", "stool")
    emblem = (0.0, 0.04, 0.11) if plain_back else (0.0, -back * 0.55, 0.2)
    return Drawing(tuple(parts), standing=True, print_at=emblem)


def _chair_back(
    rng: np.random.Generator, style: str, look: Look, *, half: float, back: float, frame: RGB
) -> list[Part]:
    """Return what one leans against."""
    if style == "stool":
        return []
    wide = half * rng.uniform(0.86, 1.02)
    post = Paint(frame if rng.random() < 0.5 else look.main, bevel=0.04, relief=0.6)
    if style == "spindle":
        rail = mirrored(
            [
                [0, -back - 0.03],
                [wide * 1.02, -back + 0.02],
                [wide * 1.04, -back + 0.13],
                [0, -back + 0.12],
            ]
        )
        bars = [
            Part(ribbon(np.array([[x * 0.88, 0.0], [x, -back + 0.08]]), 0.045), post)
            for x in np.linspace(-wide * 0.92, wide * 0.92, int(rng.integers(4, 8)))
        ]
        return [*bars, Part(rail, Paint(look.main, bevel=0.06, relief=0.6))]
    curve_in = rng.uniform(0.75, 0.95)
    shell = mirrored(
        [
            [0, -back - 0.04],
            [wide * 0.75, -back],
            [wide, -back * 0.72],
            [wide * curve_in, -back * 0.2],
            [wide * 0.8, 0.02],
            [0, 0.06],
        ]
    )
    hole: tuple[Points, ...] = ()
    if style == "shell" and rng.random() < 0.5:
        hole = (ellipse(0, -back * 0.22, wide * 0.42, back * 0.09, power=3),)
    tufts = (
        tuple(
            Seam(curve([[x, -back - 0.05], [x * 0.95, 0.02]], closed=False), 0.016, 0.2)
            for x in np.linspace(-wide * 0.6, wide * 0.6, int(rng.integers(2, 6)))
        )
        if style == "upholstered"
        else ()
    )
    return [Part(shell, Paint(look.main, True, bevel=0.14, relief=0.6), holes=hole, seams=tufts)]


def sofa(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a sofa; style is two-seat, three-seat, armchair or chesterfield."""
    seats = {"armchair": 1, "three-seat": 3}.get(style, 2)
    half, back = 0.36 * seats + rng.uniform(0.0, 0.08), rng.uniform(0.40, 0.58)
    arm, arm_high = rng.uniform(0.13, 0.24), rng.uniform(0.16, 0.32)
    deep, length = rng.uniform(0.20, 0.28), rng.uniform(0.07, 0.2)
    rolled = style == "chesterfield"
    if rolled:
        arm, arm_high = 0.24, back * 0.9
    bottom, soft = deep + 0.16, rng.uniform(0.06, 0.16)
    foot = Paint(look.wood if rng.random() < 0.7 else look.metal, bevel=0.03, relief=0.6)
    cloth = Paint(look.main, True, bevel=0.12, relief=0.6, folds=0.02)
    parts = []
    for side in (-1, 1):
        top, low = side * (half + arm * 0.4), side * (half + arm * 0.55)
        parts.append(Part(leg(top, bottom - 0.04, low, bottom + length, 0.07), foot))
    frame = rounded(-half - arm * 0.6, -back, half + arm * 0.6, bottom, soft)
    parts.append(Part(frame, Paint(scaled(look.main, 0.93), True, bevel=0.12, relief=0.6)))
    step = 2 * half / seats
    lefts = [-half + place * step for place in range(seats)]
    for left in lefts:
        rest = rounded(left + 0.01, -back * 0.86, left + step - 0.01, deep * 0.4, min(soft, 0.1))
        tufts = _tufts(left, step, back) if rolled else ()
        parts.append(Part(rest, cloth, seams=tufts, lift=0.25))
    for left in lefts:
        seat = rounded(left + 0.005, deep * 0.05, left + step - 0.005, deep * 0.85, 0.07)
        parts.append(Part(seat, cloth, lift=0.35))
    corner = min(arm * (0.48 if rolled else 0.3), 0.12)
    arm_shape = rounded(half - 0.02, -arm_high, half + arm, bottom, corner)
    for mirror in (1.0, -1.0):
        parts.append(Part(arm_shape * (mirror, 1.0), cloth, lift=0.3))
        if rolled:
            roll = ellipse(mirror * (half + arm * 0.52), -arm_high + 0.06, 0.15, 0.14)
            parts.append(Part(roll, cloth, lift=0.25))
    if rng.random() < 0.45:
        pillow = ellipse(half * rng.choice([-0.7, 0.7]), -0.06, 0.16, 0.15, power=4)
        parts.append(Part(pillow, Paint(look.second, bevel=0.12, relief=0.7), lift=0.5))
    return Drawing(tuple(parts), standing=True, print_at=(0.0, -back * 0.4, 0.16))


def _tufts(left: float, width: float, back: float) -> tuple[Seam, ...]:
    """Return the sunken buttons of one back cushion, three rows of three."""
    places = [
        (left + width * (column + 0.5 + 0.25 * (row % 2)) / 3, -back * (0.66 - 0.24 * row))
        for column in range(3)
        for row in range(3)
    ]
    return tuple(Seam(ellipse(x, y, 0.012, 0.012), 0.03, 0.5) for x, y in places)
