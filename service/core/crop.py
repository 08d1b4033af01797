"""The part of a picture that is meant: a box in shares of its width and height, as people see it.

    box of the upright picture -> of the picture as stored (EXIF) -> whole pixels of it

A box is applied before anything is resized, so that a small thing in a large photo keeps its
details.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.core.errors import InvalidQueryError

LEAST_SIDE = 8
"""Pixels of the original that a box must cover, each way: less is a click, not a thing."""

_FORM = "box is [x1, y1, x2, y2] in shares of the upright picture, 0 <= x1 < x2 <= 1 and y alike"


@dataclass(frozen=True, slots=True)
class Box:
    """Left, top, right and bottom in shares of the picture's width and height, 0-1."""

    x1: float
    y1: float
    x2: float
    y2: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Box":
        """Read four numbers; raises InvalidQueryError where they are no box."""
        if len(numbers) != 4:
            raise InvalidQueryError(f"{_FORM}; {len(numbers)} numbers are given")
        x1, y1, x2, y2 = map(float, numbers)
        if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):  # NaN fails too
            raise InvalidQueryError(f"{_FORM}; not [{x1:g}, {y1:g}, {x2:g}, {y2:g}]")
        return cls(x1, y1, x2, y2)

    def __str__(self) -> str:
        """Write it so that equal boxes, and no others, are written alike."""
        return f"{self.x1!r},{self.y1!r},{self.x2!r},{self.y2!r}"

    def stored(self, orientation: int) -> "Box":
        """Return the same part of the picture as the file has it, which EXIF turns upright."""
        corners = _STORED.get(orientation, _STORED[1])
        (u1, v1), (u2, v2) = corners(self.x1, self.y1), corners(self.x2, self.y2)
        return Box(min(u1, u2), min(v1, v2), max(u1, u2), max(v1, v2))

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in whole pixels, at least one each way.

        Raises:
            InvalidQueryError: It covers less than LEAST_SIDE pixels.
        """
        across = round((self.x2 - self.x1) * width)
        down = round((self.y2 - self.y1) * height)
        if min(across, down) < min(LEAST_SIDE, width, height):
            raise InvalidQueryError(
                f"box covers {across}x{down} pixels of the {width}x{height} stored; "
                f"draw one of at least {LEAST_SIDE}x{LEAST_SIDE}"
            )
        return self.area(width, height)

    def area(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return it in whole pixels of a picture of this size, shrunk perhaps."""
        left, top = round(self.x1 * width), round(self.y1 * height)
        left, top = min(left, width - 1), min(top, height - 1)
        right, bottom = round(self.x2 * width), round(self.y2 * height)
        return left, top, max(right, left + 1), max(bottom, top + 1)


_STORED: Mapping[int, Callable[[float, float], tuple[float, float]]] = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (y, 1 - x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (1 - y, x),
}
"""Where a point of the upright picture is in the stored one, by EXIF orientation."""
