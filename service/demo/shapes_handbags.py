"""Handbags, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import Points, curve, ellipse, flipped, mirrored, ribbon, rounded
from service.demo.palette import Look
from service.demo.parts import Drawing, Paint, Part, Seam


def _stitches(outline: Points, inset: float) -> Seam:
    middle = outline.mean(axis=0)
    return Seam(middle + (outline - middle) * (1 - inset), 0.012, -0.35, dashed=True)


def _handle(half: float, top: float, height: float, width: float, look: Look) -> Part:
    path = curve(
        [
            [-half, top + 0.05],
            [-half * 0.92, top - height * 0.55],
            [-half * 0.45, top - height],
            [half * 0.45, top - height],
            [half * 0.92, top - height * 0.55],
            [half, top + 0.05],
        ],
        closed=False,
    )
    return Part(ribbon(path, width), Paint(look.trim, bevel=0.04, relief=0.6, gloss=0.2), lift=0.3)


def handbag(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a handbag; style is satchel, tote, crossbody or bucket."""
    top, low = rng.uniform(0.55, 0.68), rng.uniform(0.70, 0.85)
    height = {"tote": rng.uniform(1.0, 1.25), "crossbody": rng.uniform(0.72, 0.88)}.get(
        style, float(rng.uniform(0.85, 1.0))
    )
    if style == "tote":
        top, low = low * rng.uniform(1.0, 1.12), low * 0.85
    if style == "bucket":
        top, low = rng.uniform(0.58, 0.68), rng.uniform(0.42, 0.52)
    round_off = rng.uniform(0.03, 0.2)
    body = mirrored(
        [
            [0, 0],
            [top - 0.06, 0.0],
            [top, 0.06],
            [(top + low) / 2 + 0.03, height * 0.55],
            [low, height - round_off],
            [low - round_off, height],
            [0, height + 0.01],
        ]
    )
    leather = Paint(look.main, True, bevel=0.14, relief=0.5, gloss=0.25, fade=0.16)
    base_seam = Seam(
        curve([[-1, height * 0.82], [0, height * 0.85], [1, height * 0.82]], closed=False),
        0.016,
        0.3,
    )
    trunk = Part(body, leather, seams=(_stitches(body, 0.07), base_seam))
    reach = {"crossbody": rng.uniform(0.75, 0.95), "tote": rng.uniform(0.42, 0.6)}.get(
        style, float(rng.uniform(0.30, 0.5))
    )
    half = top * rng.uniform(0.45, 0.62) if style != "crossbody" else top * 0.95
    thick = 0.05 if style == "crossbody" else rng.uniform(0.06, 0.1)
    handle = _handle(half, 0.06, reach, thick, look)
    rings = [
        Part(
            ellipse(s * half, 0.06, 0.055, 0.07),
            Paint(look.metal, bevel=0.03, gloss=0.5),
            holes=(ellipse(s * half, 0.06, 0.028, 0.042),),
            lift=0.25,
        )
        for s in (-1, 1)
    ]
    parts = [handle, trunk, *_closing(rng, style, top, height, look), *rings]
    if style == "tote":
        front = _handle(half * 1.02, 0.16, reach * 0.8, thick, look)
        parts = [handle, trunk, front]
    return Drawing(tuple(parts), standing=True, print_at=(0.0, height * 0.56, 0.26))


def _closing(
    rng: np.random.Generator, style: str, top: float, height: float, look: Look
) -> list[Part]:
    """Return the flap with its clasp, a zip, or a bucket's drawstring."""
    if style == "tote":
        return []
    if style == "bucket":
        rim = rounded(-top, -0.02, top, 0.1, 0.05)
        cord = curve([[-0.1, 0.2], [-0.16, 0.5], [-0.08, 0.62]], closed=False)
        paint = Paint(look.trim, bevel=0.03, relief=0.5)
        return [
            Part(rim, paint, lift=0.3),
            Part(ribbon(cord, 0.035), paint, lift=0.3),
            Part(ribbon(flipped(cord), 0.035), paint, lift=0.3),
        ]
    drop = height * rng.uniform(0.42, 0.66)
    tip = rng.uniform(0.0, 0.14)
    flap = mirrored(
        [
            [0, -0.02],
            [top - 0.05, -0.02],
            [top + 0.015, 0.05],
            [top + 0.02, drop - 0.15],
            [top * 0.82, drop - tip * 0.4],
            [0, drop + tip],
        ]
    )
    paint = Paint(look.main if rng.random() < 0.6 else look.trim, bevel=0.1, relief=0.45, gloss=0.3)
    size = rng.uniform(0.05, 0.085)
    clasp = ellipse(0, drop + tip - 0.08, size * 1.2, size, power=float(rng.choice([2.0, 5.0])))
    return [
        Part(flap, paint, seams=(_stitches(flap, 0.07),), lift=0.4),
        Part(clasp, Paint(look.metal, bevel=0.04, relief=0.7, gloss=0.6), lift=0.4),
    ]
