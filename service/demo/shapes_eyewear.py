"""Sunglasses, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import Points, curve, ellipse, flipped, ribbon
from service.demo.palette import RGB, Look, mixed, scaled
from service.demo.parts import Drawing, Paint, Part, Seam


def _lens(style: str, half: float, high: float, rng: np.random.Generator) -> Points:
    """Return a right lens about its own middle."""
    if style == "round":
        return ellipse(0, 0, half, half * rng.uniform(0.95, 1.02))
    if style == "cat-eye":
        return curve(
            [
                [-half, -high * 0.45],
                [0, -high * 0.9],
                [half * 1.12, -high * 1.15],
                [half * 0.95, 0.1],
                [half * 0.3, high * 0.9],
                [-half * 0.75, high * 0.6],
            ]
        )
    if style == "aviator":
        return curve(
            [
                [-half * 0.9, -high * 0.8],
                [0, -high],
                [half, -high * 0.85],
                [half * 1.02, 0],
                [half * 0.45, high * 0.98],
                [-half * 0.35, high * 0.85],
                [-half, -high * 0.1],
            ]
        )
    return ellipse(0, 0, half, high * 0.86, power=rng.uniform(3.5, 6))


def sunglasses(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw sunglasses from the front; style is round, cat-eye, aviator or square."""
    half, high = rng.uniform(0.36, 0.43), rng.uniform(0.30, 0.40)
    middle = half + rng.uniform(0.10, 0.14)
    rim = rng.uniform(0.03, 0.05) if style == "aviator" else rng.uniform(0.06, 0.12)
    lens = _lens(style, half, high, rng)
    frame_colour = mixed(look.main, look.metal, 0.2) if style == "aviator" else look.main
    outer = lens * (1 + rim / half)
    place = np.array([middle, 0.0])
    frame_paint = Paint(frame_colour, True, bevel=0.05, relief=0.7, gloss=0.5)
    tints: tuple[RGB, ...] = (
        (0.16, 0.17, 0.19),
        (0.35, 0.22, 0.14),
        (0.18, 0.28, 0.26),
        scaled(look.second, 0.55),
    )
    tint = tints[int(rng.integers(len(tints)))]
    glass = Paint(tint, bevel=0.09, relief=0.25, gloss=0.25, fade=-0.7)
    top = -high * rng.uniform(0.25, 0.6)
    bridge = curve(
        [[-middle + half * 0.7, top + 0.06], [0, top - 0.03], [middle - half * 0.7, top + 0.06]],
        closed=False,
    )
    temple = curve(
        [
            [middle + half * 0.95, -high * 0.45],
            [middle + half + 0.14, -high * 0.5],
            [middle + half + 0.10, -high * 0.1],
            [middle + half - 0.02, 0.45],
        ],
        closed=False,
    )
    glare = curve([[-half * 0.55, high * 0.2], [half * 0.25, -high * 0.62]], closed=False) + place
    shine = (Seam(glare, 0.10, -0.28), Seam(glare + np.array([0.13, 0.05]), 0.03, -0.28))
    arm = ribbon(temple, 0.07, 0.045)
    frame = outer + place
    parts = [
        Part(arm, Paint(scaled(frame_colour, 0.8), bevel=0.03)),
        Part(flipped(arm), Paint(scaled(frame_colour, 0.8), bevel=0.03)),
        Part(ribbon(bridge, rng.uniform(0.05, 0.09)), frame_paint),
    ]
    for flip in (False, True):
        ring, pane = (flipped(frame), flipped(lens + place)) if flip else (frame, lens + place)
        streaks = (
            tuple(Seam(s.path - (2 * middle, 0.0), s.width, s.depth) for s in shine)
            if flip
            else shine
        )
        parts += [Part(ring, frame_paint), Part(pane, glass, seams=streaks)]
    return Drawing(tuple(parts), standing=True, print_at=(0.0, 0.0, 0.1))
