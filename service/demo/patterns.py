"""Patterns as fields: (x, y) on the product -> share of the second colour, 0..1.

Coordinates are in units of the product's half extent, so one period means the same on a mug and
on a sofa. `pixel` is the size of a picture pixel in that unit: edges are softened over one pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating]

PATTERNS = (
    "plain",
    "striped",
    "wide-striped",
    "checked",
    "dotted",
    "floral",
    "chevron",
    "printed",
    "colour-block",
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One product's pattern: its name and the numbers that vary within the name."""

    name: str
    period: float
    share: float
    phase: float
    upright: bool
    variant: int
    emblem: tuple[float, float, float]


def pattern(name: str, emblem: tuple[float, float, float], rng: np.random.Generator) -> Pattern:
    """Draw the numbers of a named pattern; emblem is (x, y, radius) of a print."""
    low, high = {"striped": (0.10, 0.19), "wide-striped": (0.30, 0.50)}.get(name, (0.17, 0.34))
    return Pattern(
        name=name,
        period=float(rng.uniform(low, high)),
        share=float(rng.uniform(0.3, 0.55)),
        phase=float(rng.uniform(-0.15, 0.25)),
        upright=bool(rng.random() < 0.3),
        variant=int(rng.integers(5)),
        emblem=emblem,
    )


def _soft(distance: Field, pixel: float) -> Field:
    """Return 1 inside (distance > 0) and 0 outside, softened over one pixel."""
    inside: Field = np.clip(distance / pixel + 0.5, 0.0, 1.0)
    return inside


def _bands(along: Field, period: float, share: float, pixel: float) -> Field:
    within = np.abs(np.mod(along, period) - period / 2)
    return _soft(period * share / 2 - within, pixel)


def _striped(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    along = x if spec.upright else y
    return _bands(along + spec.phase, spec.period, spec.share, pixel)


def _checked(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    across = _bands(x + spec.period / 4, spec.period, 0.5, pixel)
    down = _bands(y + spec.phase, spec.period, 0.5, pixel)
    fine = _bands(x, spec.period, 0.08, pixel) if spec.variant > 2 else np.float32(0.0)
    return np.minimum(0.5 * across + 0.5 * down + 0.5 * fine, 1.0, dtype=np.float32)


def _cells(spec: Pattern, x: Field, y: Field, period: float) -> tuple[Field, Field, Field]:
    """Return position within a staggered cell (two fields) and a number that varies by cell."""
    row = np.floor(y / period)
    shifted = x + (np.mod(row, 2) * 0.5 + spec.phase) * period
    column = np.floor(shifted / period)
    in_x = shifted - (column + 0.5) * period
    in_y = y - (row + 0.5) * period
    return in_x, in_y, column * np.float32(2.4) + row * np.float32(4.1)


def _dotted(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    period = spec.period * 0.8
    in_x, in_y, _ = _cells(spec, x, y, period)
    return _soft(period * (0.16 + 0.24 * spec.share) - np.hypot(in_x, in_y), pixel)


def _floral(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    period = spec.period * 1.15
    in_x, in_y, cell = _cells(spec, x, y, period)
    radius = np.hypot(in_x, in_y)
    petals = 5 if spec.variant % 2 else 6
    angle = np.arctan2(in_y, in_x) * petals + cell
    flower = _soft(period * (0.33 + 0.11 * np.cos(angle)) - radius, pixel)
    heart = _soft(period * 0.11 - radius, pixel)
    return flower - heart


def _chevron(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    width = spec.period * 1.4
    zigzag = np.abs(np.mod(x, width) - width / 2)
    return _bands(y + zigzag + spec.phase, spec.period, 0.45, pixel)


def _printed(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    centre_x, centre_y, size = spec.emblem
    x, y = (x - centre_x) / size, (y - centre_y) / size
    pixel = pixel / size
    radius = np.hypot(x, y)
    disc = _soft(1 - radius, pixel)
    if spec.variant == 0:
        cut = np.clip(y * 1.2, 0, 1)
        return disc * (1 - _bands(y, 0.28, 0.2, pixel) * _soft(cut, pixel))
    if spec.variant == 1:
        peaks = np.minimum(np.abs(x + 0.25) * 1.3 - 0.45, np.abs(x - 0.45) * 1.5 - 0.1)
        land = _soft(y - peaks, pixel)
        ring = _soft(0.07 - np.abs(radius - 0.95), pixel)
        return np.maximum(disc * land, ring)
    if spec.variant == 2:
        rays = np.cos(np.arctan2(y, x) * 5 + np.pi / 2)
        return _soft(0.66 + 0.34 * rays - radius, pixel)
    if spec.variant == 3:
        moon = _soft(0.82 - np.hypot(x - 0.38, y + 0.2), pixel)
        return np.maximum(disc - moon, 0)
    rows = _bands(y + 0.2, 0.42, 0.55, pixel)
    box = _soft(1.15 - np.abs(x), pixel) * _soft(0.62 - np.abs(y), pixel)
    gaps = _bands(x + 0.7 * np.floor((y + 0.2) / 0.42), 0.37, 0.86, pixel)
    return rows * box * gaps


def _colour_block(spec: Pattern, x: Field, y: Field, pixel: float) -> Field:
    slope = (0.0, 0.0, 0.5, -0.5, 0.25)[spec.variant]
    split = _soft(y + slope * x - spec.phase, pixel)
    if spec.variant == 1:
        split = split - _soft(y - spec.phase - 0.3, pixel)
    return split


_FIELDS: dict[str, Callable[[Pattern, Field, Field, float], Field]] = {
    "striped": _striped,
    "wide-striped": _striped,
    "checked": _checked,
    "dotted": _dotted,
    "floral": _floral,
    "chevron": _chevron,
    "printed": _printed,
    "colour-block": _colour_block,
}


def weigh(spec: Pattern, x: Field, y: Field, pixel: float) -> Field | None:
    """Return the second colour's share at each point, 0..1, or None where there is no pattern.

    Args:
        spec: the product's pattern.
        x: (h, w) positions to the right, in half extents of the product.
        y: (h, w) positions downwards.
        pixel: a picture pixel in the same unit.
    """
    draw = _FIELDS.get(spec.name)
    return None if draw is None else draw(spec, x, y, pixel)
