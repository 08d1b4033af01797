"""The small picture: never larger than 256 pixels, and the original where that is small."""

import zlib
from io import BytesIO

import pytest
from PIL import Image

from service.core.image import decode
from service.core.thumbnails import SIDE, thumbnail
from service.core.types import Thumbnail
from support.pictures import RGB, encoded, photo, png, png_chunk


def small_of(data: bytes) -> Thumbnail:
    return thumbnail(data, decode(data, least_side=256))


def size_of(small: Thumbnail) -> tuple[int, int]:
    with Image.open(BytesIO(small.data)) as image:
        return image.size


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")],
)
def test_a_small_picture_is_kept_as_it_is(kind: str, media_type: str) -> None:
    data = encoded(photo(100, 80), kind)
    assert small_of(data) == Thumbnail(data, media_type)


@pytest.mark.parametrize(("width", "height"), [(1200, 600), (600, 1200), (257, 257), (300, 20)])
def test_a_large_one_fits_the_square_and_keeps_its_shape(width: int, height: int) -> None:
    small = small_of(encoded(photo(width, height), "JPEG", quality=95))
    assert small.media_type == "image/webp"
    w, h = size_of(small)
    assert max(w, h) == SIDE
    assert w / h == pytest.approx(width / height, rel=0.1)


def test_a_large_one_of_few_bytes_is_still_large() -> None:
    """It was shrunk while decoding; what counts is what a browser would have to open."""
    data = encoded(Image.new("RGB", (3000, 3000), "navy"), "PNG")
    assert len(data) < 40_000
    small = small_of(data)
    assert size_of(small) == (SIDE, SIDE)
    assert small.media_type == "image/webp"


def test_a_picture_on_its_side_is_stood_upright() -> None:
    exif = Image.Exif()
    exif[274] = 6
    small = small_of(encoded(photo(600, 300), "JPEG", exif=exif.tobytes()))
    assert size_of(small) == (128, 256)


def test_a_picture_that_opens_only_without_its_text_is_drawn_anew() -> None:
    """Pillow refuses a text bomb at the header; decoding leaves the text out."""
    bomb = b"comment\0\0" + zlib.compress(b"x" * 10_000_000)
    data = png((30, 20), [b"\x40\x80\xc0" * 30] * 20, colour=RGB, extra=png_chunk(b"zTXt", bomb))
    with pytest.raises(Exception, match="too large"):
        Image.open(BytesIO(data))
    small = small_of(data)
    assert size_of(small) == (30, 20)
    assert small.media_type == "image/webp"
