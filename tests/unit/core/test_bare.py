"""What makes no pixels never reaches a decoder: it costs nothing, and hides nothing."""

import struct
import zlib

import pytest
from PIL import Image

from service.core.bare import bare_jpeg, bare_png
from service.core.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from service.core.image import ImageLimits, decode
from support.pictures import encoded, jpeg_with_exif, orientation_exif, photo, png_chunk

BASELINE = encoded(photo(40, 30), "JPEG", quality=90)
PROGRESSIVE = encoded(photo(40, 30), "JPEG", progressive=True)
PLAIN = encoded(photo(40, 30), "PNG")
HEADER_END = 8 + 25  # of a PNG: signature and IHDR
MEGABYTES = 19_000_000


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def after_start(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def same(data: bytes, other: bytes) -> bool:
    return decode(data, least_side=30).tobytes() == decode(other, least_side=30).tobytes()


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xFE, b"a comment"),
        segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(200)),
        segment(0xE2, b"MPF\0II*\0" + bytes(60)),
        segment(0xED, b"Photoshop 3.0\x008BIM" + bytes(60)),
        b"junk between segments \xff\x00",
        b"\xff" * 100,
    ],
    ids=["comment", "profile", "further pictures", "photoshop", "junk", "padding"],
)
def test_a_jpeg_loses_what_makes_no_pixels(extra: bytes) -> None:
    assert bare_jpeg(after_start(BASELINE, extra)) == BASELINE


def test_a_jpeg_keeps_the_first_exif_alone() -> None:
    first = jpeg_with_exif(photo(40, 30), orientation_exif(6)[6:])
    exif = segment(0xE1, orientation_exif(6))
    assert first[2:].startswith(exif)
    assert bare_jpeg(after_start(first, exif, exif)) == first
    assert decode(first, least_side=30).size == (30, 40)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_jpeg_keeps_what_says_how_its_colours_are_stored(mode: str) -> None:
    data = encoded(photo(40, 30).convert(mode), "JPEG")
    assert bare_jpeg(data) == data


def test_the_pixels_of_a_png_become_one_chunk() -> None:
    start = PLAIN.index(b"IDAT") - 4
    (length,) = struct.unpack(">I", PLAIN[start : start + 4])
    body = PLAIN[start + 8 : start + 8 + length]
    pieces = [png_chunk(b"IDAT", body[i : i + 7]) for i in range(0, length, 7)]
    text = png_chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(10**6)))

    split = PLAIN[:HEADER_END] + text + b"".join(pieces) + PLAIN[start + 12 + length :]

    assert bare_png(split) == bare_png(PLAIN)
    assert same(split, PLAIN)


def test_only_the_first_header_of_a_png_counts() -> None:
    larger = encoded(Image.new("RGB", (5000, 5000)), "PNG")[8:HEADER_END]
    assert same(PLAIN[:HEADER_END] + larger + PLAIN[HEADER_END:], PLAIN)


@pytest.mark.parametrize(
    "data",
    [
        after_start(BASELINE, segment(0xFE, b"") * (MEGABYTES // 4)),
        after_start(BASELINE, segment(0xE1, b"Exif\0\0ab") * (MEGABYTES // 12)),
        PLAIN[:HEADER_END] + png_chunk(b"IDAT", b"") * (MEGABYTES // 12) + PLAIN[HEADER_END:],
        PLAIN[:HEADER_END] + png_chunk(b"tEXt", b"") * (MEGABYTES // 12) + PLAIN[HEADER_END:],
    ],
    ids=["comments", "exif", "empty pixels", "texts"],
)
def test_megabytes_of_tiny_parts_are_refused(data: bytes) -> None:
    with pytest.raises(ImageTooLargeError, match=r"more than 65,536"):
        decode(data, least_side=30)


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA, 0xCB], ids=lambda m: f"SOF{m - 0xC0}")
def test_a_jpeg_coded_as_hardly_any_is(marker: int) -> None:
    data = BASELINE.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)
    with pytest.raises(UnsupportedImageError, match="arithmetically"):
        decode(data, least_side=30)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BASELINE[:200], "no scan"),
        (BASELINE[:2] + b"\xff\xd9" + BASELINE[2:], "no scan"),
        (after_start(BASELINE, b"\xff\xfe\0\1"), "no length"),
    ],
    ids=["cut off", "ends at once", "a segment of one byte"],
)
def test_a_jpeg_whose_segments_lead_nowhere(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptImageError, match=reason):
        decode(data, least_side=30)


def test_a_video_behind_a_photo_does_not_lose_it() -> None:
    limits = ImageLimits(max_pixels=40 * 30)
    data = PROGRESSIVE + b"\xff\xda\0\x08" * 1000
    assert decode(data, least_side=30, limits=limits).size == (40, 30)
