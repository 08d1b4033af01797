"""Vases and bottles, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import curve, ellipse, mirrored, ribbon, rounded
from service.demo.palette import RGB, Look, mixed, scaled
from service.demo.parts import Drawing, Paint, Part
from service.demo.shapes_tableware import glaze, rim


def vase(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a vase; style is bottle, amphora, cylinder or bowl."""
    height = {"bowl": rng.uniform(0.7, 0.9)}.get(style, float(rng.uniform(1.5, 2.0)))
    wide = {"bowl": rng.uniform(0.66, 0.8), "cylinder": rng.uniform(0.3, 0.42)}.get(
        style, float(rng.uniform(0.44, 0.66))
    )
    neck = {
        "bottle": rng.uniform(0.10, 0.16),
        "cylinder": wide * rng.uniform(0.9, 1.05),
        "bowl": wide * rng.uniform(0.6, 0.85),
    }.get(style, float(rng.uniform(0.18, 0.28)))
    mouth = neck * rng.uniform(1.05, 1.5) if style != "cylinder" else neck
    foot, belly = wide * rng.uniform(0.45, 0.75), height * rng.uniform(0.52, 0.72)
    throat = height * rng.uniform(0.14, 0.36) if style in ("bottle", "amphora") else height * 0.1
    if style == "cylinder":
        foot = wide * rng.uniform(0.8, 1.0)
    body = mirrored(
        [
            [0, 0],
            [mouth, 0, 1],
            [neck, throat * 0.55],
            [neck * 1.08, throat],
            [wide, belly],
            [foot * 1.12, height * 0.93],
            [foot, height, 1],
            [foot * 0.6, height + foot * 0.13],
            [0, height + foot * 0.16],
        ],
        steps=10,
    )
    parts: list[Part] = []
    if style == "amphora":
        ear = curve(
            [[neck, throat * 0.5], [wide * 0.85, throat * 0.6], [wide * 0.9, belly * 0.62]],
            closed=False,
        )
        paint = Paint(look.main, bevel=0.05, relief=0.7, gloss=0.3)
        parts += [Part(ribbon(ear * (s, 1.0), 0.08), paint) for s in (-1.0, 1.0)]
    parts += [
        Part(body, glaze(look.main, gloss=float(rng.uniform(0.1, 0.7)))),
        *rim(0.0, mouth, look.main),
    ]
    if rng.random() < 0.3:
        parts = [*_stems(rng, mouth), *parts[:-2], *parts[-2:]]
    return Drawing(tuple(parts), standing=True, print_at=(0.0, belly, wide * 0.5))


def _stems(rng: np.random.Generator, mouth: float) -> list[Part]:
    """Return a few dried stalks standing in a vase."""
    straw: RGB = (0.72, 0.60, 0.40)
    parts = []
    for lean in rng.uniform(-0.5, 0.5, 4):
        tip = (lean, -rng.uniform(0.5, 0.85))
        path = curve([[lean * mouth, 0.02], [lean * 0.5, tip[1] * 0.5], [*tip]], closed=False)
        parts.append(Part(ribbon(path, 0.02), Paint(straw, bevel=0.01)))
        parts.append(
            Part(ellipse(tip[0], tip[1], 0.045, 0.12), Paint(scaled(straw, 1.12), bevel=0.05))
        )
    return parts


def bottle(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a drinking bottle; style is insulated, sport, glass or flask."""
    half, height = rng.uniform(0.26, 0.36), rng.uniform(1.45, 1.85)
    shoulder = {"flask": 0.12, "glass": rng.uniform(0.5, 0.7)}.get(
        style, float(rng.uniform(0.2, 0.4))
    )
    neck = half * {"glass": rng.uniform(0.36, 0.48), "flask": 0.86}.get(
        style, float(rng.uniform(0.55, 0.8))
    )
    body = mirrored(
        [
            [0, 0],
            [neck, 0, 1],
            [neck, 0.06],
            [half * 0.97, shoulder],
            [half, shoulder + 0.12],
            [half, height - 0.08],
            [half * 0.9, height],
            [half * 0.5, height + 0.04],
            [0, height + 0.05],
        ]
    )
    glass = style == "glass"
    body_colour = mixed(look.main, (1.0, 1.0, 1.0), 0.4) if glass else look.main
    cover = glaze(body_colour, patterned=not glass, gloss=0.45)
    tall = rng.uniform(0.16, 0.30)
    lid_colour = (look.metal, look.trim, look.wood)[int(rng.integers(3))]
    lid = mirrored(
        [
            [0, -tall - 0.02],
            [neck * 0.94, -tall, 1],
            [neck * 1.08, -0.02, 1],
            [neck, 0.02],
            [0, 0.05],
        ]
    )
    parts = [Part(body, cover), Part(lid, glaze(lid_colour, patterned=False), lift=0.3)]
    if style == "sport":
        loop = curve(
            [
                [-neck * 0.7, -tall],
                [-neck * 0.6, -tall - 0.26],
                [neck * 0.6, -tall - 0.26],
                [neck * 0.7, -tall],
            ],
            closed=False,
        )
        parts.insert(0, Part(ribbon(loop, 0.075), Paint(lid_colour, bevel=0.04, relief=0.6)))
    if style in ("insulated", "flask"):
        band = rounded(-half, height - 0.16, half, height + 0.03, 0.05)
        parts.append(Part(band, glaze(look.metal, patterned=False)))
    if glass:
        sleeve = rounded(-half * 1.02, height * 0.38, half * 1.02, height * 0.94, 0.04)
        parts.append(Part(sleeve, glaze(look.main, gloss=0.0), lift=0.15))
    return Drawing(tuple(parts), standing=True, print_at=(0.0, height * 0.62, half * 0.62))
