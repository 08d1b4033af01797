"""PNGs that lie: about their size, their chunks, their frames, and what they unpack to."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache, partial
from itertools import repeat

import numpy as np
from PIL import Image

from support.hostile import Hostile, case
from support.odd_files import CORRUPT, TOO_LARGE, huge_png
from support.pictures import (
    GREY,
    PALETTE,
    PNG_SIGNATURE,
    RGB,
    RGBA,
    encoded,
    grey16,
    photo,
    png,
    png_chunk,
)

_MEGABYTES = 19_000_000
_HEADER_END = 8 + 25
_IMAGE_END = png_chunk(b"IEND", b"")
_LARGEST = 6324


@cache
def _plain() -> bytes:
    return encoded(photo(64, 48), "PNG")


@cache
def _pixels() -> bytes:
    """The packed rows of an 8-bit RGB picture of 64x48."""
    return zlib.compress(b"".join(b"\0" + bytes(range(192)) for _ in range(48)))


def hostile() -> Iterator[Hostile]:
    """Yield every one."""
    yield from _headers()
    yield from _chunks()
    yield from _streams()
    yield from _bombs()
    yield from _frames()
    yield from _sound()


def _header(width: int, height: int, *rest: int) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">II", width, height) + bytes(rest or (8, RGB, 0, 0, 0)))


def _made(*chunks: bytes, pixels: bytes | None = None) -> bytes:
    """A 64x48 picture of these chunks, or of a sound header where there are none."""
    body = png_chunk(b"IDAT", _pixels() if pixels is None else pixels)
    return PNG_SIGNATURE + b"".join(chunks or (_header(64, 48),)) + body + _IMAGE_END


def _with(*chunks: bytes) -> bytes:
    return _plain()[:_HEADER_END] + b"".join(chunks) + _plain()[_HEADER_END:]


def _headers() -> Iterator[Hostile]:
    largest = 2**31 - 1
    for width, height in ((largest, largest), (2**32 - 1, 1), (100_000, 100_000), (largest, 1)):
        yield case(f"png says {width}x{height}", _made(_header(width, height)), TOO_LARGE, CORRUPT)
    for width, height in ((0, 0), (0, 48), (64, 0)):
        yield case(f"png says {width}x{height}", _made(_header(width, height)), CORRUPT)
    for depth, colour in (
        (3, 2),
        (0, 2),
        (255, 2),
        (8, 1),
        (8, 5),
        (8, 7),
        (8, 255),
        (1, 2),
        (4, 6),
    ):
        made = _made(_header(64, 48, depth, colour, 0, 0, 0))
        yield case(f"png {depth} bits colour {colour}", made, CORRUPT)
    for name, rest in (
        ("packing 1", (1, 0, 0)),
        ("filter 9", (0, 9, 0)),
        ("interlace 7", (0, 0, 7)),
    ):
        yield case(f"png {name}", _made(_header(64, 48, 8, RGB, *rest)), CORRUPT, None)
    sound = _header(64, 48)
    yield case("png header check wrong", _made(sound[:-1] + b"!"), CORRUPT)
    yield case("png header of 12", _made(png_chunk(b"IHDR", sound[8:20])), CORRUPT)
    yield case("png header of 14", _made(png_chunk(b"IHDR", sound[8:21] + b"\0")), CORRUPT, None)
    yield case("png without header", _made(_header(64, 48)).replace(sound, b""), CORRUPT)
    yield case("png header last", PNG_SIGNATURE + _made()[_HEADER_END:] + sound, CORRUPT, None)
    yield case("png second header huge", _made(sound, _header(60_000, 60_000)), None)
    yield case("png as a phone packs it", _made(png_chunk(b"CgBI", b"\x50\0\x20\2"), sound), None)


def _chunks() -> Iterator[Hostile]:
    for length in (0x7FFFFFFF, 0xFFFFFFFF, 1_000_000):
        made = _with(struct.pack(">I", length) + b"tEXtkey\0value")
        yield case(f"png text of length {length}", made, CORRUPT)
        pixels = struct.pack(">I", length) + b"IDAT" + _pixels()
        yield case(
            f"png pixels of length {length}",
            PNG_SIGNATURE + _header(64, 48) + pixels,
            CORRUPT,
            None,
        )
    palette = _header(64, 48, 8, PALETTE, 0, 0, 0)
    for name, chunk in {
        "missing": b"",
        "of 7 bytes": png_chunk(b"PLTE", bytes(7)),
        "empty": png_chunk(b"PLTE", b""),
        "too long": png_chunk(b"PLTE", bytes(3 * 300)),
    }.items():
        packed = zlib.compress((b"\0" + bytes(range(64))) * 48)
        yield case(f"png palette {name}", _made(palette, chunk, pixels=packed), CORRUPT, None)
    for length in (0, 1, 5, 1000):
        made = _with(png_chunk(b"tRNS", bytes(length)))
        yield case(f"png transparency of {length}", made, CORRUPT, None)
    yield case("png pixels missing", PNG_SIGNATURE + _header(64, 48) + _IMAGE_END, CORRUPT)
    yield case("png end missing", _made()[: -len(_IMAGE_END)], None)
    yield case("png end first", _made(_header(64, 48), _IMAGE_END), CORRUPT, None)
    yield case("png chunk without name", _with(png_chunk(b"\0\0\0\0", b"")), None)
    yield case(
        "png exif loops",
        _with(png_chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x69\x87" + b"\x08\0" * 8)),
        None,
    )
    for kind in (b"iCCP", b"zTXt", b"iTXt", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"sBIT", b"hIST"):
        yield case(f"png {kind.decode()} garbage", _with(png_chunk(kind, b"\xff" * 33)), None)


def _streams() -> Iterator[Hostile]:
    packed = _pixels()
    rows = zlib.decompress(packed)
    yield case("png rows too few", _made(pixels=zlib.compress(rows[: 20 * 193])), CORRUPT, None)
    yield case("png rows too many", _made(pixels=zlib.compress(rows * 50)), None, CORRUPT)
    yield case("png rows check wrong", _made(pixels=packed[:-1] + b"\0"), None, CORRUPT)
    yield case("png rows not packed", _made(pixels=rows), CORRUPT)
    yield case(
        "png rows of filter 9", _made(pixels=zlib.compress((b"\x09" + bytes(192)) * 48)), CORRUPT
    )
    yield case("png rows empty", _made(pixels=b""), CORRUPT)
    yield case("png rows of random bytes", _made(pixels=bytes(range(256)) * 10), CORRUPT)
    preset = zlib.compressobj(zdict=b"dictionary")
    yield case(
        "png rows by dictionary", _made(pixels=preset.compress(rows) + preset.flush()), CORRUPT
    )


def _bombs() -> Iterator[Hostile]:
    yield case("png 400 megapixels", huge_png, TOO_LARGE)
    packed = zlib.compress(bytes(200_000_000), 9)
    yield case("png rows unpack to 200 MB", lambda: _made(pixels=packed), CORRUPT, None)
    for kind, start in ((b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"icc\0\0")):
        name = f"png {kind.decode()} unpacks to 200 MB"
        yield case(name, lambda k=kind, s=start: _with(png_chunk(k, s + packed)), None)
    for name, kind in (("pixels", b"IDAT"), ("texts", b"tEXt"), ("palettes", b"PLTE")):
        part = png_chunk(kind, b"")
        made = partial(lambda part: _with(part * (_MEGABYTES // len(part))), part)
        yield case(f"png 19 MB of empty {name}", made, TOO_LARGE)
    yield case("png exif of 15 MB", lambda: _with(png_chunk(b"eXIf", _exif(15_000_000))), None)
    paeth = repeat(b"\x04" + b"\1\2\3\4\5\6\7\x08" * _LARGEST, _LARGEST)
    yield case("png largest, 16 bits, slowest filter", partial(_packed, paeth, 16), None)
    yield case("png sliver", lambda: png((1, 30_000), repeat(b"\x80", 30_000)), TOO_LARGE)
    yield case(
        "png just too large", lambda: png((6400, 6400), repeat(bytes(6400), 6400)), TOO_LARGE
    )


def _exif(size: int) -> bytes:
    """A directory whose every value is nearly all of the block."""
    tags = b"".join(struct.pack("<HHII", tag, 7, size - 100, 8) for tag in range(1, 2001))
    return (b"II*\0\x08\0\0\0\xd0\x07" + tags).ljust(size, b"\0")


def _packed(rows: Iterator[bytes], depth: int) -> bytes:
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for row in rows) + packer.flush()
    return _made(_header(_LARGEST, _LARGEST, depth, RGBA, 0, 0, 0), pixels=pixels)


def _frames() -> Iterator[Hostile]:
    counts = struct.pack(">II", 0xFFFFFFFF, 0)
    yield case("apng of 4 billion frames", _with(png_chunk(b"acTL", counts)), None)
    for width, height, left in ((0, 0, 0), (2**31 - 1, 2**31 - 1, 0), (64, 48, 2**31), (9, 9, 9)):
        frame = struct.pack(">IIIIIHHBB", 0, width, height, left, left, 1, 0, 9, 9)
        chunks = (png_chunk(b"acTL", struct.pack(">II", 2, 0)), png_chunk(b"fcTL", frame))
        yield case(f"apng frame {width}x{height} at {left}", _with(*chunks), None)
    yield case("apng pixels before a frame", _with(png_chunk(b"fdAT", b"\0\0\0\0abc")), None)


def _sound() -> Iterator[Hostile]:
    # Of an 8x8 picture, each pass as pixels a row and rows (PNG, 8.2).
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    adam7 = b"".join((b"\0" + bytes(3 * pixels)) * rows for pixels, rows in passes)
    header = _header(8, 8, 8, RGB, 0, 0, 1)
    yield case("png interlaced", _made(header, pixels=zlib.compress(adam7)), None)
    yield case("png interlaced cut", _made(header, pixels=zlib.compress(adam7[:60])), CORRUPT)
    yield case("png 16-bit rgba", png((9, 9), repeat(bytes(72), 9), depth=16, colour=RGBA), None)
    yield case("png 16-bit grey", grey16(np.arange(400).reshape(20, 20) * 163), None)
    for depth in (1, 2, 4):
        rows = repeat(bytes(-(-20 * depth // 8)), 20)
        yield case(f"png {depth}-bit grey", png((20, 20), rows, depth=depth, colour=GREY), None)
    yield case("png of one pixel", encoded(Image.new("RGB", (1, 1)), "PNG"), None)
