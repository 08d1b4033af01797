"""Outlines: smooth closed curves, mirrored silhouettes, ribbons. All points are (n, 2) float64.

Axes: x to the right, y down; a drawing spans about two units.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def curve(knots: Sequence[Sequence[float]], *, closed: bool = True, steps: int = 8) -> Points:
    """Return a Catmull-Rom curve through knots; a knot (x, y, 1) is a sharp corner.

    Args:
        knots: (x, y) or (x, y, 1) each, at least two.
        closed: whether the last knot joins the first.
        steps: points drawn per span.
    """
    places = np.array([knot[:2] for knot in knots], dtype=np.float64)
    sharp = np.array([len(knot) > 2 for knot in knots])[:, None]
    after, before = np.roll(places, -1, axis=0), np.roll(places, 1, axis=0)
    if not closed:
        after[-1], before[0] = places[-1], places[0]
    mean = (after - before) / 2
    leaving = np.where(sharp, after - places, mean)
    arriving = np.where(sharp, places - before, mean)
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None, None]
    spans = (
        (2 * t**3 - 3 * t**2 + 1) * places
        + (t**3 - 2 * t**2 + t) * leaving
        + (3 * t**2 - 2 * t**3) * after
        + (t**3 - t**2) * np.roll(arriving, -1, axis=0)
    )
    points: Points = spans.transpose(1, 0, 2)[: None if closed else -1].reshape(-1, 2)
    return points if closed else np.vstack([points, places[-1]])


def flipped(points: Points) -> Points:
    """Return points mirrored left to right about x = 0."""
    reflected: Points = points * np.array([-1.0, 1.0])
    return reflected


def mirrored(knots: Sequence[Sequence[float]], *, steps: int = 8) -> Points:
    """Return a closed outline, symmetric about x = 0, from its right side listed top to bottom."""
    left = [(-knot[0], *knot[1:]) for knot in reversed(knots) if knot[0] != 0]
    return curve([*knots, *left], steps=steps)


def ellipse(x: float, y: float, radius_x: float, radius_y: float, *, power: float = 2.0) -> Points:
    """Return a superellipse about (x, y); power 2 is an ellipse, 4 a rounded rectangle."""
    angle = np.linspace(0.0, 2 * np.pi, 56, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    points: Points = np.stack(
        [
            x + radius_x * np.sign(cosine) * np.abs(cosine) ** (2 / power),
            y + radius_y * np.sign(sine) * np.abs(sine) ** (2 / power),
        ],
        axis=1,
    )
    return points


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Points:
    """Return a rectangle with circular corners of the given radius."""
    angle = np.linspace(0.0, np.pi / 2, 7)
    arc = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius
    turns = ((1, 1, right, bottom), (-1, 1, left, bottom), (-1, -1, left, top), (1, -1, right, top))
    corners = []
    for sign_x, sign_y, x, y in turns:
        corner = arc * (sign_x, sign_y) + (x - sign_x * radius, y - sign_y * radius)
        corners.append(corner if sign_x * sign_y > 0 else corner[::-1])
    return np.vstack(corners)


def ribbon(path: Points, start: float, stop: float | None = None) -> Points:
    """Return the outline of a band along an open path, its width going from start to stop."""
    tangent = np.gradient(path, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = np.linspace(start, start if stop is None else stop, len(path))[:, None] / 2
    return np.vstack([path + normal * half, (path - normal * half)[::-1]])


def turned(points: Points, degrees: float, x: float = 0.0, y: float = 0.0) -> Points:
    """Return points turned clockwise (as seen) about (x, y)."""
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    result: Points = (points - (x, y)) @ matrix + (x, y)
    return result


def bounds(outlines: Sequence[Points]) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) over all outlines."""
    low = np.min([outline.min(axis=0) for outline in outlines], axis=0)
    high = np.max([outline.max(axis=0) for outline in outlines], axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
