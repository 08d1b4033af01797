"""Whatever the bytes, decode() returns a bounded picture or raises an InvalidImageError."""

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.core.errors import InvalidImageError
from service.core.image import ImageLimits, decode
from support.pictures import encoded, jpeg_with_exif, orientation_exif, photo, png_chunk

LIMITS = ImageLimits(max_bytes=50_000, max_pixels=1_000_000)
quick = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@cache
def seeds() -> tuple[bytes, ...]:
    """One small sound picture of each kind that the decoders treat differently."""
    image = photo(48, 40)
    with_alpha = image.copy()
    with_alpha.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = orientation_exif(6)
    frames = {"save_all": True, "append_images": [photo(48, 40, seed=1)]}
    plain = encoded(image, "PNG")
    return (
        encoded(image, "JPEG", exif=exif),
        encoded(image, "JPEG", progressive=True),
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image, "MPO", **frames),
        plain[:33] + png_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")) + plain[33:],
        encoded(with_alpha, "PNG"),
        encoded(image.quantize(16), "PNG", transparency=3),
        encoded(image, "PNG", **frames),
        encoded(image, "WEBP", exif=exif),
        encoded(with_alpha, "WEBP", lossless=True),
        encoded(with_alpha, "WEBP", **frames),
    )


def check(data: bytes) -> None:
    try:
        image = decode(data, least_side=16, limits=LIMITS)
    except InvalidImageError:
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= LIMITS.max_pixels


kinds = st.sampled_from(range(11))
magic = st.sampled_from(
    [
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x40\0\0\0WEBPVP8X",
        b"RIFF\x40\0\0\0WEBPVP8 ",
    ]
)


@quick
@given(magic, st.binary(max_size=400))
def test_arbitrary_bytes(start: bytes, rest: bytes) -> None:
    check(start + rest)


@quick
@given(kinds, st.floats(0, 1))
def test_truncated_pictures(kind: int, share: float) -> None:
    data = seeds()[kind]
    check(data[: int(len(data) * share)])


@quick
@given(kinds, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), min_size=1, max_size=12))
def test_flipped_bits(kind: int, flips: list[tuple[float, int]]) -> None:
    data = bytearray(seeds()[kind])
    for place, bit in flips:
        data[int(place * (len(data) - 1))] ^= 1 << bit
    check(bytes(data))


@quick
@given(kinds, st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_headers(kind: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seeds()[kind])
    for place, value in changes:
        data[place] = value
    check(bytes(data))


@quick
@given(st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]), st.binary(max_size=200))
def test_no_exif_block_loses_a_jpeg(start: bytes, rest: bytes) -> None:
    image = decode(jpeg_with_exif(photo(20, 20), start + rest), least_side=16)
    assert image.size == (20, 20)


@quick
@given(
    st.integers(1, 300), st.integers(1, 300), st.integers(8, 64), st.sampled_from(["JPEG", "PNG"])
)
def test_a_picture_is_shrunk_but_never_below_the_least_side(
    width: int, height: int, least_side: int, kind: str
) -> None:
    data = encoded(Image.new("RGB", (width, height), "red"), kind)
    limits = ImageLimits(max_aspect=300)
    image = decode(data, least_side=least_side, limits=limits)

    shorter = min(width, height)
    assert min(least_side, shorter) <= min(image.size) <= max(2 * least_side, least_side + 1)
    # Both sides by one whole factor, partial blocks at the edge counting as whole.
    factors = range(1, shorter + 1)
    assert image.size in {(-(-width // by), -(-height // by)) for by in factors}


@quick
@given(st.integers(1, 40), st.integers(1, 40), st.integers(4, 16), st.integers(0, 99))
def test_a_png_is_the_exact_average_of_its_blocks(
    width: int, height: int, least_side: int, seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    limits = ImageLimits(max_aspect=300)
    image = decode(encoded(Image.fromarray(noise), "PNG"), least_side=least_side, limits=limits)

    factor = max(1, min(width, height) // least_side)
    for row in range(image.height):
        for column in range(image.width):
            block = noise[row * factor :, column * factor :][:factor, :factor].reshape(-1, 3)
            got = np.array(image.getpixel((column, row)))
            assert np.abs(got - block.mean(axis=0)).max() <= 1
