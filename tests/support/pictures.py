"""Pictures made on the spot: seeded photos, and PNGs that Pillow itself would not write."""

import struct
import zlib
from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, RGBA = 0, 2, 3, 6


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth picture without symmetry: three slow waves, so that scaling hardly changes it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(1, 6, size=(3, 3))]
    return Image.fromarray((127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8))


def quadrants(side: int = 64) -> Image.Image:
    """Red, green / blue, white: shows any turn or flip."""
    corners = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], np.uint8)
    return Image.fromarray(corners.repeat(side // 2, axis=0).repeat(side // 2, axis=1))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    size: tuple[int, int],
    rows: Iterable[bytes],
    *,
    depth: int = 8,
    colour: int = GREY,
    extra: bytes = b"",
) -> bytes:
    """Write a PNG by hand, row by row: the picture itself is never held.

    Args:
        size: Width and height.
        rows: The bytes of each row, as the depth and colour type have them.
        depth: Bits a sample.
        colour: Colour type of the PNG header.
        extra: Whole chunks that go before the pixels.
    """
    packer = zlib.compressobj(6)
    pixels = b"".join(packer.compress(b"\0" + row) for row in rows) + packer.flush()
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    return b"".join(
        (
            PNG_SIGNATURE,
            png_chunk(b"IHDR", header),
            extra,
            png_chunk(b"IDAT", pixels),
            png_chunk(b"IEND", b""),
        )
    )


def grey16(samples: np.ndarray) -> bytes:
    """A 16-bit greyscale PNG of (h, w) samples, 0-65535."""
    height, width = samples.shape
    return png((width, height), (row.astype(">u2").tobytes() for row in samples), depth=16)


def orientation_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


def jpeg_with_exif(image: Image.Image, block: bytes) -> bytes:
    """A JPEG whose EXIF segment holds exactly these bytes, sound or not."""
    plain = encoded(image, "JPEG", quality=95)
    body = b"Exif\0\0" + block
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]
