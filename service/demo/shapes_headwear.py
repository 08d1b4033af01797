"""Caps, hats and beanies: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import curve, ellipse, mirrored
from service.demo.palette import Look
from service.demo.parts import Drawing, Paint, Part, Seam


def _mesh(height: float, look: Look) -> Part:
    """Return the netted back of a trucker cap."""
    knots = [[-0.78, 0.06, 1], [-0.80, -height * 0.45], [-0.45, -height * 0.93]]
    outline = curve([*knots, [-0.1, -height, 1], [-0.12, -height * 0.5], [-0.02, 0.12, 1]])
    net = []
    for x in np.arange(-1.1, 0.1, 0.07):
        for first, last in ((-1.0, 0.2), (0.2, -1.0)):
            net.append(Seam(np.array([[x, first], [x + 0.3, last]]), 0.014, 0.3))
    return Part(outline, Paint(look.second, bevel=0.12, relief=0.5), seams=tuple(net))


def cap(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw headwear from the side; style is baseball, bucket, beanie or trucker."""
    if style == "beanie":
        return _beanie(rng, look)
    if style == "bucket":
        return _bucket_hat(rng, look)
    height = rng.uniform(0.72, 0.88)
    crown = curve(
        [
            [-0.78, 0.06, 1],
            [-0.80, -height * 0.45],
            [-0.45, -height * 0.93],
            [0.05, -height],
            [0.42, -height * 0.72],
            [0.55, -0.02, 1],
            [-0.1, 0.12],
        ]
    )
    reach, droop = rng.uniform(1.05, 1.25), rng.uniform(0.08, 0.24)
    brim = curve(
        [
            [0.12, 0.05, 1],
            [0.53, -0.10, 1],
            [reach - 0.25, -0.04],
            [reach, droop],
            [reach - 0.2, droop + 0.06],
            [0.45, 0.16],
        ]
    )
    seams = [
        Seam(
            curve([[0.05, -height], [x * 0.5, -height * 0.6], [x, 0.12]], closed=False), 0.014, 0.3
        )
        for x in (-0.42, 0.12)
    ]
    cloth = Paint(look.main, True, bevel=0.16, relief=0.55)
    button = ellipse(0.03, -height, 0.06, 0.035)
    parts = [Part(button, Paint(look.trim, bevel=0.03)), Part(crown, cloth, seams=tuple(seams))]
    if style == "trucker":
        parts.append(_mesh(height, look))
    stitch = Seam(
        curve([[0.5, 0.08], [reach - 0.2, 0.04], [reach - 0.05, droop]], closed=False), 0.012, 0.3
    )
    parts.append(Part(brim, Paint(look.trim, bevel=0.08, relief=0.5), seams=(stitch,), lift=0.35))
    return Drawing(tuple(parts), standing=True, print_at=(0.22, -height * 0.45, 0.2))


def _beanie(rng: np.random.Generator, look: Look) -> Drawing:
    height, half = rng.uniform(0.9, 1.2), rng.uniform(0.58, 0.68)
    dome = mirrored(
        [
            [0, -height],
            [half * 0.55, -height * 0.92],
            [half * 0.97, -height * 0.5],
            [half, 0.0, 1],
            [0, 0.05],
        ]
    )
    ribs = tuple(
        Seam(
            curve([[x * 0.35, -height], [x * 0.9, -height * 0.55], [x, 0.4]], closed=False),
            0.014,
            0.2,
        )
        for x in np.linspace(-half, half, 15)
    )
    fold = rng.uniform(0.26, 0.4)
    cuff = mirrored(
        [
            [0, -0.03],
            [half * 1.03, -0.06, 1],
            [half * 1.05, fold - 0.05],
            [half, fold],
            [0, fold + 0.06],
        ]
    )
    parts = [
        Part(dome, Paint(look.main, True, bevel=0.2, relief=0.6, lathe=0.35), seams=ribs),
        Part(cuff, Paint(look.trim, bevel=0.08, relief=0.5, lathe=0.35), seams=ribs, lift=0.35),
    ]
    if rng.random() < 0.55:
        angle = np.linspace(0, 2 * np.pi, 61)[:-1]
        fluff = 0.2 * (1 + 0.07 * np.cos(angle * 15))
        ball = np.stack([np.cos(angle) * fluff, np.sin(angle) * fluff - height - 0.08], axis=1)
        parts.insert(0, Part(ball, Paint(look.second, bevel=0.16, relief=0.7)))
    return Drawing(tuple(parts), print_at=(0.0, -height * 0.4, 0.2))


def _bucket_hat(rng: np.random.Generator, look: Look) -> Drawing:
    height, half = rng.uniform(0.55, 0.72), rng.uniform(0.50, 0.58)
    crown = mirrored([[0, -height - 0.02], [half * 0.8, -height, 1], [half, 0.05, 1], [0, 0.13]])
    reach, fall = rng.uniform(0.82, 1.0), rng.uniform(0.30, 0.45)
    brim = mirrored(
        [
            [0, 0.05],
            [half * 0.99, -0.02, 1],
            [reach, fall],
            [reach * 0.7, fall + 0.1],
            [0, fall + 0.14],
        ]
    )
    rings = tuple(
        Seam(
            curve([[-reach, fall * s], [0, fall * s + 0.13], [reach, fall * s]], closed=False),
            0.012,
            0.25,
        )
        for s in (0.45, 0.65, 0.85)
    )
    return Drawing(
        (
            Part(brim, Paint(look.main, True, bevel=0.12, relief=0.5), seams=rings),
            Part(crown, Paint(look.main, True, bevel=0.12, relief=0.5, lathe=0.4), lift=0.3),
        ),
        standing=True,
        print_at=(0.0, -height * 0.45, 0.2),
    )
