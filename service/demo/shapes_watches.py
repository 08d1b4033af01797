"""Wristwatches, upright: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import ellipse, mirrored, ribbon, rounded, turned
from service.demo.palette import RGB, Look, mixed
from service.demo.parts import Drawing, Paint, Part, Seam


def watch(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a wristwatch, upright; style is round, square, sport or bracelet."""
    power = {"square": rng.uniform(5, 9), "sport": rng.uniform(2.6, 3.4)}.get(style, 2.0)
    radius = rng.uniform(0.36, 0.46)
    high = radius * (rng.uniform(1.0, 1.18) if style == "square" else 1.0)
    wide = radius * rng.uniform(0.95, 1.25)
    tail = wide * rng.uniform(0.75, 0.95)
    reach = rng.uniform(1.02, 1.16)
    strap = mirrored(
        [[0, -reach - 0.02], [tail / 2, -reach, 1], [wide / 2, -high * 0.7, 1], [0, -high * 0.6]]
    )
    colour = mixed(look.main, look.metal, 0.3) if style == "bracelet" else look.main
    paint = Paint(
        colour,
        True,
        bevel=0.10,
        relief=0.6,
        gloss=0.35 if style == "bracelet" else 0.1,
    )
    links = tuple(
        Seam(np.array([[-0.4, y], [0.4, y]]), 0.016, 0.45) for y in np.arange(-reach, 0, 0.085)
    )
    holes = tuple(Seam(ellipse(0, y, 0.018, 0.018), 0.02, 0.6) for y in (0.78, 0.88, 0.98))
    below = strap * (1.0, -1.0)
    below_links = tuple(Seam(s.path * (1.0, -1.0), s.width, s.depth) for s in links)
    bracelet = style == "bracelet"
    parts = [
        Part(strap, paint, seams=links if bracelet else ()),
        Part(below, paint, seams=below_links if bracelet else holes),
        Part(
            rounded(radius * 0.9, -0.06, radius + 0.1, 0.06, 0.03),
            Paint(look.metal, bevel=0.03, gloss=0.4),
        ),
        Part(
            ellipse(0, 0, radius, high, power=power),
            Paint(look.metal, bevel=0.08, relief=0.8, gloss=0.5),
            lift=0.4,
        ),
    ]
    pale: RGB = (0.95, 0.95, 0.93)
    dial = (pale, look.main, (0.12, 0.13, 0.16))[int(rng.integers(3))]
    inner = rng.uniform(0.78, 0.87)
    parts.append(
        Part(
            ellipse(0, 0, radius * inner, high * inner, power=power),
            Paint(dial, bevel=0.05, relief=-0.35, gloss=0.1),
        )
    )
    ink: RGB = (0.12, 0.12, 0.13) if dial[1] > 0.5 else (0.94, 0.93, 0.88)
    parts += _dial(rng, radius * inner, high * inner, ink, look)
    return Drawing(tuple(parts), print_at=(0.0, 0.7, 0.15))


def _dial(
    rng: np.random.Generator, half_x: float, half_y: float, ink: RGB, look: Look
) -> list[Part]:
    """Return hour marks, perhaps a small second dial, and two hands."""
    paint = Paint(ink, bevel=0.005, relief=0.0, fade=0.0)
    parts = []
    for hour in range(12):
        angle = np.radians(30 * hour)
        direction = np.array([np.sin(angle) * half_x, -np.cos(angle) * half_y])
        inside = 0.70 if hour % 3 == 0 else 0.80
        width = 0.032 if hour % 3 == 0 else 0.018
        parts.append(Part(ribbon(np.array([direction * inside, direction * 0.9]), width), paint))
    if rng.random() < 0.4:
        small = ellipse(0, half_y * 0.42, half_x * 0.24, half_x * 0.24)
        parts.append(Part(small, Paint(mixed(ink, (0.5, 0.5, 0.5), 0.7), bevel=0.02)))
    minute, hour_hand = rng.uniform(0, 360), rng.uniform(0, 360)
    for degrees, length, width in ((hour_hand, 0.5, 0.045), (minute, 0.76, 0.03)):
        hand = ribbon(np.array([[0, 0.05], [0, -length * min(half_x, half_y)]]), width, width * 0.5)
        parts.append(Part(turned(hand, degrees), Paint(ink, bevel=0.01), lift=0.3))
    parts.append(Part(ellipse(0, 0, 0.03, 0.03), Paint(look.metal, bevel=0.02)))
    return parts
