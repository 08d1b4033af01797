"""Table lamps and cushions, from the front: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import curve, ellipse, mirrored, ribbon
from service.demo.palette import Look, mixed
from service.demo.parts import Drawing, Paint, Part, Seam
from service.demo.shapes_seating import leg


def lamp(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a table lamp; style is ceramic, column, tripod or mushroom."""
    low, tall = rng.uniform(0.48, 0.66), rng.uniform(0.5, 0.72)
    high = low * (rng.uniform(0.85, 1.0) if style == "column" else rng.uniform(0.5, 0.8))
    knots = [[0, -0.02], [high, 0, 1], [low, tall, 1], [low * 0.5, tall + 0.045]]
    bottom = tall
    if style == "mushroom":
        bottom = tall * 0.72
        knots = [[0, 0], [low * 0.6, 0.04], [low * 1.02, tall * 0.55], [low * 1.05, bottom, 1]]
    shade = mirrored([*knots, [0, bottom + 0.055]])
    end = bottom + rng.uniform(0.75, 1.05)
    ceramic = style == "ceramic"
    colour = mixed(look.second, (1.0, 0.93, 0.8), 0.55) if ceramic else look.main
    cloth = Paint(colour, not ceramic, bevel=0.05, relief=0.15, lathe=0.5, fade=-0.12)
    stem = ribbon(np.array([[0, bottom - 0.05], [0, end]]), 0.055)
    parts = [
        Part(stem, Paint(look.metal, bevel=0.03, lathe=0.7, gloss=0.4)),
        *_lamp_foot(rng, style, bottom, end, look),
        Part(shade, cloth, lift=0.35),
    ]
    emblem_y = end - (end - bottom) * 0.36 if ceramic else bottom * 0.5
    return Drawing(tuple(parts), standing=True, print_at=(0.0, emblem_y, 0.2))


def _lamp_foot(
    rng: np.random.Generator, style: str, bottom: float, end: float, look: Look
) -> list[Part]:
    """Return what carries the shade, from below the shade (bottom) to the table (end)."""
    if style == "tripod":
        wood = Paint(look.wood, bevel=0.03, relief=0.6)
        feet = (-0.42, 0.42, 0.05)
        return [Part(leg(0.0, bottom + 0.1, foot, end, 0.075), wood) for foot in feet]
    ceramic = style == "ceramic"
    choices = (look.main, look.main, look.wood, look.metal)
    colour = look.main if ceramic else choices[int(rng.integers(4))]
    paint = Paint(colour, ceramic, bevel=0.05, relief=0.2, lathe=0.85, gloss=0.45)
    if ceramic:
        belly, stand = rng.uniform(0.28, 0.46), end - bottom
        knots = [[0, bottom + 0.1], [0.07, bottom + 0.1, 1], [belly * 0.5, bottom + stand * 0.3]]
        swell = [[belly, end - stand * 0.38], [belly * 0.62, end - 0.03], [0, end + 0.05]]
        return [Part(mirrored([*knots, *swell]), paint)]
    foot = rng.uniform(0.26, 0.38)
    thick, top = (0.1, 0.9) if style == "column" else (0.2, 0.35)
    knots = [[0, end - thick], [foot * top, end - thick], [foot, end, 1], [foot * 0.5, end + 0.05]]
    plate = mirrored([*knots, [0, end + 0.06]])
    width = foot * 0.35
    knots = [[0, bottom - 0.1], [width, bottom - 0.1, 1], [width, end - thick + 0.03, 1]]
    return [Part(mirrored([*knots, [0, end]]), paint), Part(plate, paint)]


def cushion(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a cushion; style is square, oblong, round or tasselled."""
    half = rng.uniform(0.80, 0.92)
    high = half * {"oblong": rng.uniform(0.56, 0.7)}.get(style, float(rng.uniform(0.94, 1.0)))
    pinch = rng.uniform(0.05, 0.13)
    if style == "round":
        outline = ellipse(0, 0, half, high)
    else:
        outline = curve(
            [
                [0, -high + pinch],
                [half, -high, 1],
                [half - pinch, 0],
                [half, high, 1],
                [0, high - pinch],
                [-half, high, 1],
                [-half + pinch, 0],
                [-half, -high, 1],
            ]
        )
    piped = style == "round" or rng.random() < 0.5
    cloth = Paint(look.main, True, bevel=0.34, relief=0.75, folds=0.045)
    parts: list[Part] = []
    if style == "tasselled":
        for x, y in ((half, high), (half, -high), (-half, high), (-half, -high)):
            tuft = ribbon(np.array([[x * 0.98, y * 0.98], [x * 1.14, y * 1.14]]), 0.06, 0.17)
            parts.append(Part(tuft, Paint(look.second, bevel=0.04, relief=0.6)))
    if piped:
        parts.append(Part(outline * 1.022, Paint(look.trim, bevel=0.04, relief=0.7)))
    seams: tuple[Seam, ...] = ()
    if style == "round":
        seams = tuple(
            Seam(np.array([[0, 0], [np.cos(a) * half, np.sin(a) * high]]), 0.014, 0.16)
            for a in np.arange(0, 6.28, 0.524)
        )
    parts.append(Part(outline, cloth, seams=seams))
    if style == "round":
        parts.append(
            Part(ellipse(0, 0, 0.07, 0.07), Paint(look.trim, bevel=0.05, relief=0.8), lift=0.5)
        )
    return Drawing(tuple(parts), print_at=(0.0, 0.0, half * 0.5))
