"""Backpacks, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import curve, ellipse, flipped, mirrored, ribbon, rounded
from service.demo.palette import Look, scaled
from service.demo.parts import Drawing, Paint, Part, Seam


def backpack(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a backpack; style is rounded, roll-top, flap or hiking."""
    half, height = rng.uniform(0.50, 0.62), rng.uniform(1.35, 1.6)
    crown = rng.uniform(0.65, 0.95) if style == "rounded" else rng.uniform(0.8, 0.95)
    body = mirrored(
        [
            [0, 0],
            [half * crown * 0.8, 0.03],
            [half * crown, 0.22],
            [half, height * 0.5],
            [half * 1.04, height - 0.16],
            [half * 0.9, height],
            [0, height + 0.02],
        ]
    )
    cloth = Paint(look.main, True, bevel=0.16, relief=0.5, folds=0.035, fade=0.16)
    grip = curve([[-0.15, 0.06], [-0.13, -0.13], [0.13, -0.13], [0.15, 0.06]], closed=False)
    strap = curve(
        [
            [half * 0.75, 0.2],
            [half * 1.22, 0.55],
            [half * 1.24, height * 0.72],
            [half, height - 0.1],
        ],
        closed=False,
    )
    strap_paint = Paint(scaled(look.trim, 0.85), bevel=0.04, relief=0.5)
    parts = [
        Part(ribbon(strap, 0.11), strap_paint),
        Part(flipped(ribbon(strap, 0.11)), strap_paint),
        Part(ribbon(grip, 0.07), strap_paint),
    ]
    if style == "hiking":
        parts += [
            Part(
                ellipse(s * half * 1.02, height * 0.72, 0.16, 0.3, power=3),
                Paint(look.trim, bevel=0.1, relief=0.55),
            )
            for s in (-1, 1)
        ]
    side = half * crown * 0.85
    rise, fall = (
        [[-half * 0.86, height * 0.5], [-side, 0.2]],
        [[side, 0.2], [half * 0.86, height * 0.5]],
    )
    zip_line = Seam(curve([*rise, [0, 0.12], *fall], closed=False), 0.026, 0.5)
    parts.append(
        Part(body, cloth, seams=() if style in ("flap", "roll-top") else (zip_line,), lift=0.2)
    )
    top, wide = height * rng.uniform(0.50, 0.60), half * rng.uniform(0.66, 0.84)
    pocket = rounded(-wide, top, wide, height - 0.08, rng.uniform(0.05, 0.16))
    pocket_zip = Seam(np.array([[-wide * 0.8, top + 0.09], [wide * 0.8, top + 0.09]]), 0.024, 0.5)
    pocket_paint = Paint(look.main if rng.random() < 0.5 else look.trim, bevel=0.09, relief=0.55)
    parts.append(Part(pocket, pocket_paint, seams=(pocket_zip,), lift=0.35))
    parts += _backpack_top(style, half, crown, height, look)
    badge = rounded(-0.08, top + 0.2, 0.08, top + 0.29, 0.015)
    parts.append(Part(badge, Paint(look.second, bevel=0.02), lift=0.2))
    return Drawing(tuple(parts), standing=True, print_at=(0.0, height * 0.3, 0.2))


def _backpack_top(style: str, half: float, crown: float, height: float, look: Look) -> list[Part]:
    """Return the lid of a flap or roll-top backpack."""
    belt = Paint(scaled(look.trim, 0.75), bevel=0.03)
    if style == "flap":
        drop = height * 0.44
        lid = mirrored(
            [
                [0, -0.03],
                [half * crown * 0.85, 0.0],
                [half * crown * 1.06, 0.2],
                [half * 1.03, drop - 0.12],
                [half * 0.8, drop],
                [0, drop + 0.02],
            ]
        )
        belts = [
            Part(
                rounded(
                    s * half * 0.45 - 0.04, drop - 0.2, s * half * 0.45 + 0.04, drop + 0.22, 0.02
                ),
                belt,
                lift=0.3,
            )
            for s in (-1, 1)
        ]
        buckles = [
            Part(
                rounded(
                    s * half * 0.45 - 0.06, drop + 0.04, s * half * 0.45 + 0.06, drop + 0.13, 0.02
                ),
                Paint(look.metal, bevel=0.03, gloss=0.5),
                lift=0.2,
            )
            for s in (-1, 1)
        ]
        return [
            Part(lid, Paint(look.main, True, bevel=0.12, relief=0.5), lift=0.4),
            *belts,
            *buckles,
        ]
    if style == "roll-top":
        roll = rounded(-half * crown * 1.05, -0.1, half * crown * 1.05, 0.14, 0.1)
        return [
            Part(roll, Paint(look.main, bevel=0.1, relief=0.8), lift=0.4),
            Part(rounded(-0.05, -0.12, 0.05, height * 0.4, 0.02), belt, lift=0.3),
        ]
    return []
