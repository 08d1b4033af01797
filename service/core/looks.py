"""What a small picture looks like, coarsely: small picture -> 32 x 32 means -> blank? 8 x 8 means.

Measured (docs/catalog-report.md): of two photos some cell differs by 10 and more; of a photo and
a copy saved anew, or at four fifths of its size, by 8 at most; of copies at half the size 1 to 6
in 100 differ by more.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.core.errors import InvalidImageError
from service.core.image import decode
from service.core.thumbnails import SIDE
from service.core.types import Thumbnail

CELLS = 8 * 8 * 3
COPY_DIFFERENCE = 8
"""Of 255: no cell of a copy differs by more."""
_FINE = 32
_BLANK_RANGE = 12
"""Of 255: between the brightest and the darkest of 32 x 32 means, in any channel."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture at a glance.

    Attributes:
        cells: (CELLS,) uint8, the mean colours of an 8 x 8 grid.
        blank: Whether nothing is to be seen: one colour, or nearly.
    """

    cells: NDArray[np.uint8]
    blank: bool


def look(small: Thumbnail) -> Look | None:
    """Look at a small picture; None where it cannot be decoded."""
    try:
        image = decode(small.data, least_side=SIDE)
    except InvalidImageError:
        return None
    fine = np.asarray(image.resize((_FINE, _FINE), Image.Resampling.BOX)).astype(np.float32)
    spread = fine.max(axis=(0, 1)) - fine.min(axis=(0, 1))
    cells = fine.reshape(8, _FINE // 8, 8, _FINE // 8, 3).mean(axis=(1, 3))
    return Look(np.rint(cells).astype(np.uint8).reshape(-1), bool(spread.max() <= _BLANK_RANGE))


def shrunk(small: Thumbnail, side: int) -> Thumbnail | None:
    """Make it smaller still, for a page that holds many; None where it cannot be decoded."""
    try:
        image = decode(small.data, least_side=side)
    except InvalidImageError:
        return None
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    out = BytesIO()
    image.save(out, "WEBP", quality=75, method=2)
    return Thumbnail(out.getvalue(), "image/webp")
