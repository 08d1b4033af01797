"""How one picture is taken: where the product stands in the frame, and in which light.

(drawing bounds, view number) -> Camera. View 0 is the studio packshot: straight, centred, neutral.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.demo.geometry import Points

Field = NDArray[np.floating]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """A view of a drawing.

    Attributes:
        matrix: (3, 3) homography from drawing units to pixels.
        unit: pixels per drawing unit at the centre.
        half_extent: half the drawing's longer side, in drawing units.
        centre: the drawing's middle, in drawing units.
        light: unit vector on the picture plane towards the light, y down.
        gains: exposure and white balance, one factor a channel.
    """

    matrix: Matrix
    unit: float
    half_extent: float
    centre: tuple[float, float]
    light: tuple[float, float]
    gains: tuple[float, float, float]

    def project(self, points: Points) -> Points:
        """Return (n, 2) pixel positions of (n, 2) drawing positions."""
        ahead = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        result: Points = ahead[:, :2] / ahead[:, 2:]
        return result

    def positions(self, size: int) -> tuple[Field, Field]:
        """Return the drawing position (x, y) of each pixel's centre, two (size, size) fields."""
        back = np.linalg.inv(self.matrix).astype(np.float32)
        across = np.arange(size, dtype=np.float32)[None, :] + np.float32(0.5)
        down = across.T
        depth = back[2, 0] * across + back[2, 1] * down + back[2, 2]
        x = (back[0, 0] * across + back[0, 1] * down + back[0, 2]) / depth
        y = (back[1, 0] * across + back[1, 1] * down + back[1, 2]) / depth
        return x, y


def _scaling(scale_x: float, scale_y: float) -> Matrix:
    return np.diag([scale_x, scale_y, 1.0])


def _moving(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _rotating(degrees: float) -> Matrix:
    angle = np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _light(degrees: float) -> tuple[float, float]:
    return float(np.sin(np.radians(degrees))), float(-np.cos(np.radians(degrees)))


def camera(
    box: tuple[float, float, float, float],
    *,
    view: int,
    size: int,
    standing: bool,
    rng: np.random.Generator,
) -> Camera:
    """Place a drawing with bounds `box` (left, top, right, bottom) in a size x size picture.

    Args:
        box: the drawing's bounds, in its own units.
        view: 0 for the packshot; any other number draws its pose from rng.
        size: the picture's side, in pixels.
        standing: whether the product stands on a surface, and so stays nearly upright.
        rng: seeded by product and view.
    """
    left, top, right, bottom = box
    centre = ((left + right) / 2, (top + bottom) / 2)
    half_extent = max(right - left, bottom - top) / 2
    fit = 0.80 / half_extent
    pose, light, gains = np.eye(3), _light(-32.0), (1.0, 1.0, 1.0)
    if view:
        fit *= rng.uniform(0.74, 1.06)
        room = max(0.04, 0.95 - fit * half_extent)
        shift_x, shift_y = rng.uniform(-room, room, 2)
        # What stands, stands on a floor, and floors are low in a picture.
        shift_y = abs(shift_y) if standing else shift_y * 0.7
        tilt = rng.normal(0, 2.5) if standing else np.clip(rng.normal(0, 9), -20, 20)
        lean = np.eye(3)
        lean[2, :2] = rng.uniform(-0.10, 0.10, 2)
        squeeze = _scaling(rng.uniform(0.88, 1.0), rng.uniform(0.94, 1.0))
        mirror = _scaling(-1.0 if rng.random() < 0.35 else 1.0, 1.0)
        pose = _moving(shift_x, shift_y) @ lean @ _rotating(tilt) @ squeeze @ mirror
        light = _light(float(rng.uniform(-60, 60)))
        warmth, exposure = rng.normal(0, 0.045), rng.normal(0.99, 0.07)
        gains = (
            float(exposure * (1 + warmth)),
            float(exposure * (1 + 0.2 * abs(warmth))),
            float(exposure * (1 - warmth)),
        )
    frame = _scaling(size / 2, size / 2) @ _moving(1.0, 1.0)
    matrix = frame @ pose @ _scaling(fit, fit) @ _moving(-centre[0], -centre[1])
    unit = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    return Camera(matrix, unit, half_extent, centre, light, gains)
