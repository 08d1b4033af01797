"""The small picture people see in results: a 256 px WebP, or the original where that is smaller."""

from io import BytesIO

from PIL import Image

from service.core.image import FORMATS
from service.core.types import Thumbnail

SIDE = 256
_SMALL_BYTES = 40_000
_MEDIA_TYPES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


def thumbnail(data: bytes, image: Image.Image) -> Thumbnail:
    """Make the small picture.

    Encoding WebP costs more than the rest of a picture's way to the encoder, so a file that is
    already small is kept as it is.

    Args:
        data: The encoded original.
        image: The same, decoded upright.
    """
    media_type = _MEDIA_TYPES.get(data[:2])
    if media_type and len(data) <= _SMALL_BYTES and _is_small(data):
        return Thumbnail(data, media_type)
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    out = BytesIO()
    small.save(out, "WEBP", quality=80, method=2)
    return Thumbnail(out.getvalue(), "image/webp")


def _is_small(data: bytes) -> bool:
    """As stored: the decoded picture may have been shrunk on its way here."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            return max(image.size) <= SIDE
    except Exception:  # noqa: BLE001 - a text chunk that decode() leaves out, such as a bomb
        return False
