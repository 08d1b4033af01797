"""Dresses, skirts and trousers, laid flat: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import curve, flipped, mirrored, ribbon
from service.demo.palette import Look, scaled
from service.demo.parts import Drawing, Paint, Part, Seam


def _pleats(
    top: float, bottom: float, waist: float, hem: float, *, count: int, depth: float
) -> tuple[Seam, ...]:
    """Return fold lines fanning from a waist to a hem."""
    shares = np.linspace(-0.84, 0.84, count)
    return tuple(
        Seam(
            curve(
                [
                    [s * waist, top],
                    [s * (waist + hem) / 2.05, (top + bottom) / 2],
                    [s * hem, bottom],
                ],
                closed=False,
            ),
            0.016,
            depth,
        )
        for s in shares
    )


def dress(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a dress; style is A-line, shift, slip or maxi."""
    flare = {"A-line": rng.uniform(0.62, 0.85), "maxi": rng.uniform(0.55, 0.75)}.get(
        style, float(rng.uniform(0.38, 0.46))
    )
    length = {"maxi": rng.uniform(2.3, 2.6)}.get(style, float(rng.uniform(1.55, 1.95)))
    bust, waist = rng.uniform(0.31, 0.37), rng.uniform(0.24, 0.30)
    if style == "shift":
        waist = bust * rng.uniform(0.95, 1.05)
    level = rng.uniform(0.66, 0.80)
    strappy = style in ("slip", "maxi")
    depth = rng.uniform(0.34, 0.42) if strappy else rng.uniform(0.14, 0.32)
    inner, outer = rng.uniform(0.15, 0.19), rng.uniform(0.31, 0.36)
    neck = [[0.0, depth], [inner * 0.8, depth * 0.7], [inner, 0, 1], [outer, 0.05, 1]]
    if strappy:
        neck = [[0.0, depth, 1], [inner * 1.2, depth * 0.62, 1], [inner * 1.35, depth * 0.62, 1]]
    body = mirrored(
        [
            *neck,
            [outer * 0.86, 0.24],
            [bust, 0.42, 1],
            [waist, level],
            [waist * 1.25, level + 0.25],
            [flare, length, 1],
            [flare * 0.5, length + 0.045],
            [0, length + 0.055],
        ]
    )
    cloth = Paint(look.main, True, bevel=0.11, relief=0.45, folds=0.07)
    pleats = _pleats(
        level + 0.06, length + 0.05, waist * 0.9, flare, count=int(rng.integers(3, 8)), depth=0.16
    )
    parts = [Part(body, cloth, seams=pleats, lift=0.2)]
    if strappy:
        strap = ribbon(np.array([[inner * 1.28, depth * 0.66], [inner * 1.05, 0.0]]), 0.04)
        straps = [Part(s, Paint(look.main, bevel=0.02)) for s in (strap, flipped(strap))]
        parts = [*straps, *parts]
    else:
        inside = mirrored([[0, -0.02], [inner, 0.0, 1], [inner, depth], [0, depth + 0.02]])
        parts.insert(0, Part(inside, Paint(scaled(look.main, 0.55), bevel=0.04)))
        parts = [*_dress_sleeves(rng, outer, bust, look), *parts]
    if rng.random() < 0.55 and style != "shift":
        belt = curve(
            [[-waist * 1.02, level], [0, level + 0.02], [waist * 1.02, level]], closed=False
        )
        parts.append(
            Part(ribbon(belt, rng.uniform(0.05, 0.10)), Paint(look.trim, bevel=0.03), lift=0.2)
        )
    return Drawing(tuple(parts), print_at=(0.0, depth + 0.22, 0.16))


def _dress_sleeves(rng: np.random.Generator, outer: float, bust: float, look: Look) -> list[Part]:
    """Return two sleeves: none, short, or long and full."""
    reach = (0.0, rng.uniform(0.22, 0.34), rng.uniform(0.75, 0.95))[int(rng.integers(3))]
    if not reach:
        return []
    angle = np.radians(rng.uniform(58, 72))
    tip = np.array([outer + reach * np.cos(angle), 0.05 + reach * np.sin(angle)])
    width = rng.uniform(0.15, 0.24)
    low = tip + np.array([-np.sin(angle), np.cos(angle)]) * width
    outline = curve(
        [
            [outer - 0.05, 0.03, 1],
            [(outer + tip[0]) / 2 + 0.04, (0.05 + tip[1]) / 2 - 0.02],
            [*tip, 1],
            [*low, 1],
            [bust - 0.02, 0.45, 1],
        ]
    )
    paint = Paint(look.main, True, bevel=0.1, relief=0.5, folds=0.06)
    return [Part(outline, paint), Part(flipped(outline), paint)]


def skirt(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a skirt; style is pleated, A-line, pencil or mini."""
    waist = rng.uniform(0.40, 0.48)
    length = {"mini": rng.uniform(0.85, 1.0), "pencil": rng.uniform(1.4, 1.6)}.get(
        style, float(rng.uniform(1.15, 1.6))
    )
    hem = {"pencil": waist * rng.uniform(0.95, 1.15), "pleated": rng.uniform(0.8, 1.05)}.get(
        style, float(rng.uniform(0.62, 0.85))
    )
    hip = waist + (hem - waist) * 0.42 + 0.07
    body = mirrored(
        [
            [0, 0.02],
            [waist, 0, 1],
            [hip, length * 0.36],
            [hem, length, 1],
            [hem * 0.5, length + 0.05],
            [0, length + 0.06],
        ]
    )
    count, depth = (int(rng.integers(9, 15)), 0.3) if style == "pleated" else (3, 0.12)
    pleats = _pleats(0.08, length + 0.06, waist, hem, count=count, depth=depth)
    band_path = curve([[-waist, 0.03], [0, 0.055], [waist, 0.03]], closed=False)
    band = Part(ribbon(band_path, rng.uniform(0.09, 0.16)), Paint(look.trim, bevel=0.04), lift=0.25)
    cloth = Paint(look.main, True, bevel=0.12, relief=0.45, folds=0.07)
    return Drawing((Part(body, cloth, seams=pleats), band), print_at=(0.0, length * 0.6, 0.25))


def trousers(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw trousers; style is slim, straight, wide-leg or shorts."""
    waist, length = rng.uniform(0.38, 0.44), rng.uniform(2.0, 2.3)
    low, high = {"slim": (0.17, 0.20), "wide-leg": (0.34, 0.44)}.get(style, (0.23, 0.29))
    ankle, rise = rng.uniform(low, high), rng.uniform(0.55, 0.68)
    if style == "shorts":
        length, ankle = rise + rng.uniform(0.3, 0.6), rng.uniform(0.40, 0.48)
    outside = waist + rng.uniform(0.05, 0.11)
    spread = rng.uniform(0.03, 0.10)
    right = curve(
        [
            [0.0, 0.0, 1],
            [waist, 0.0, 1],
            [outside, rise * 0.75],
            [spread + ankle + (outside - ankle) * 0.42, rise + (length - rise) * 0.5],
            [spread + ankle, length, 1],
            [spread, length + 0.02, 1],
            [0.035, rise + 0.05],
            [0.0, rise, 1],
        ]
    )
    crease = curve(
        [[waist * 0.62, 0.3], [outside * 0.52, rise], [spread + ankle / 2, length]], closed=False
    )
    pocket = curve([[waist * 0.55, 0.05], [waist * 0.72, 0.2], [outside * 0.97, 0.3]], closed=False)
    hem = np.array([[spread, length - 0.05], [spread + ankle, length - 0.07]])
    seams = (Seam(crease, 0.014, 0.14), Seam(pocket, 0.016, 0.4), Seam(hem, 0.012, 0.3))
    cloth = Paint(look.main, True, bevel=0.12, relief=0.5, folds=0.06)
    left_seams = tuple(Seam(flipped(s.path), s.width, s.depth) for s in seams)
    fly = Seam(curve([[0.0, 0.0], [0.0, rise]], closed=False), 0.016, 0.4)
    fly_stitch = Seam(curve([[0.09, 0.08], [0.085, 0.3], [0.0, 0.45]], closed=False), 0.012, 0.3)
    band_path = curve([[-waist, 0.03], [0, 0.05], [waist, 0.03]], closed=False)
    inside = mirrored([[0, -0.06], [waist * 0.9, -0.05], [waist, 0.03], [0, 0.1]])
    button = curve([[0.0, 0.035], [0.02, 0.055], [0.0, 0.075], [-0.02, 0.055]])
    return Drawing(
        (
            Part(inside, Paint(scaled(look.main, 0.5), bevel=0.03)),
            Part(flipped(right), cloth, seams=left_seams),
            Part(right, cloth, seams=(*seams, fly, fly_stitch)),
            Part(ribbon(band_path, 0.11), Paint(scaled(look.main, 0.93), bevel=0.03), lift=0.2),
            Part(button, Paint(look.metal, bevel=0.015, gloss=0.4), lift=0.3),
        ),
        print_at=(0.25, rise * 1.1, 0.16),
    )
