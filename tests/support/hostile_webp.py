"""WebPs that lie: about their length, their canvas, their frames and their chunks."""

import struct
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from support.hostile import Hostile, case
from support.odd_files import CORRUPT, TOO_LARGE, UNSUPPORTED
from support.pictures import encoded, orientation_exif, photo

_MEGABYTES = 19_000_000
_ICC, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
_SIDE = 64


@cache
def _frame(lossless: bool = False) -> bytes:
    """The chunk that holds the pixels of a 64x64 picture."""
    return encoded(photo(_SIDE, _SIDE), "WEBP", lossless=lossless)[12:]


def hostile() -> Iterator[Hostile]:
    """Yield every one."""
    yield from _containers()
    yield from _canvases()
    yield from _bitstreams()
    yield from _metadata()
    yield from _animations()
    yield from _costly()


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    """Write a chunk, padded to be even; `length` is what it claims to be."""
    return (
        kind
        + struct.pack("<I", len(body) if length is None else length)
        + body
        + bytes(len(body) % 2)
    )


def riff(*chunks: bytes, length: int | None = None) -> bytes:
    """Write the file around the chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def _canvas(flags: int = 0, width: int = _SIDE, height: int = _SIDE) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return chunk(b"VP8X", bytes((flags, 0, 0, 0)) + size)


def _containers() -> Iterator[Hostile]:
    for length in (0, 4, 7, 2**31, 2**32 - 1, 50):
        yield case(f"webp says {length} bytes", riff(_frame(), length=length), CORRUPT, None)
    for length in (0, 1, 2**31, 2**32 - 1, 9):
        made = riff(_frame()[:4] + struct.pack("<I", length) + _frame()[8:])
        yield case(f"webp frame says {length} bytes", made, CORRUPT, None)
    yield case("webp without chunks", riff(), CORRUPT)
    yield case("webp of unknown chunks", riff(chunk(b"ABCD", bytes(50))), CORRUPT)
    yield case("webp as wave", riff(_frame()).replace(b"WEBP", b"WAVE", 1), UNSUPPORTED)
    yield case("webp big-endian", b"RIFX" + riff(_frame())[4:], UNSUPPORTED)
    yield case("webp two frames", riff(_frame(), _frame()), CORRUPT, None)
    yield case("webp trailing bytes", riff(_frame()) + b"\xff" * 5000, None, CORRUPT)


def _canvases() -> Iterator[Hostile]:
    huge = 2**24
    for width, height in ((huge, huge), (huge, 1), (1, huge), (16_384, 16_384), (4000, 4000)):
        made = riff(_canvas(0, width, height), _frame())
        yield case(f"webp canvas {width}x{height}", made, TOO_LARGE, CORRUPT)
    for width, height in ((1, 1), (63, 64), (65, 65)):
        made = riff(_canvas(0, width, height), _frame())
        yield case(f"webp canvas {width}x{height}", made, CORRUPT, None)
    yield case("webp canvas alone", riff(_canvas()), CORRUPT)
    yield case("webp canvas after its frame", riff(_frame(), _canvas()), CORRUPT, None)
    yield case(
        "webp two canvases", riff(_canvas(), _canvas(0, 9999, 9999), _frame()), CORRUPT, None
    )
    yield case("webp canvas of 4 bytes", riff(chunk(b"VP8X", bytes(4)), _frame()), CORRUPT)
    yield case("webp canvas of 40 bytes", riff(chunk(b"VP8X", bytes(40)), _frame()), CORRUPT, None)
    for flags in (0xFF, 0x01, 0xC0, _ALPHA, _EXIF | _XMP | _ICC):
        yield case(f"webp flags {flags:#x}", riff(_canvas(flags), _frame()), CORRUPT, None)


def _bitstreams() -> Iterator[Hostile]:
    lossy, lossless = _frame(), _frame(True)
    for width, height in ((16_383, 16_383), (16_383, 1), (0, 0), (0, 64), (4096, 4096)):
        size = struct.pack("<HH", width, height)
        made = riff(lossy[:14] + size + lossy[18:])
        yield case(f"webp lossy says {width}x{height}", made, TOO_LARGE, CORRUPT)
        bits = max(0, width - 1) | max(0, height - 1) << 14
        made = riff(lossless[:9] + struct.pack("<I", bits) + lossless[13:])
        yield case(f"webp lossless says {width}x{height}", made, TOO_LARGE, CORRUPT)
    yield case("webp lossy key wrong", riff(lossy[:11] + b"\0\0\0" + lossy[14:]), CORRUPT)
    yield case(
        "webp lossy first part huge", riff(lossy[:8] + b"\xf0\xff\xff" + lossy[11:]), CORRUPT
    )
    yield case("webp lossless version 7", riff(lossless[:12] + b"\xe0" + lossless[13:]), CORRUPT)
    yield case(
        "webp lossless of FFs", riff(lossless[:13] + b"\xff" * (len(lossless) - 13)), CORRUPT, None
    )
    yield case(
        "webp lossless of zeros", riff(lossless[:13] + bytes(len(lossless) - 13)), CORRUPT, None
    )
    yield case("webp lossy of zeros", riff(lossy[:18] + bytes(len(lossy) - 18)), CORRUPT, None)
    alpha = chunk(b"ALPH", b"\x01" + b"\xff" * 50)
    yield case("webp alpha garbage", riff(_canvas(_ALPHA), alpha, lossy), CORRUPT, None)
    yield case("webp alpha alone", riff(_canvas(_ALPHA), alpha), CORRUPT)
    yield case("webp alpha empty", riff(_canvas(_ALPHA), chunk(b"ALPH", b""), lossy), CORRUPT, None)


def _metadata() -> Iterator[Hostile]:
    exif = orientation_exif(6)
    for name, flag, kind, body in (
        ("exif garbage", _EXIF, b"EXIF", b"\xff" * 99),
        ("exif loops", _EXIF, b"EXIF", b"II*\0\x08\0\0\0\1\0\x69\x87" + b"\x08\0" * 8),
        ("exif twice named", _EXIF, b"EXIF", exif + exif),
        ("profile garbage", _ICC, b"ICCP", b"\xff" * 99),
        ("profile empty", _ICC, b"ICCP", b""),
        ("xmp open", _XMP, b"XMP ", b"<x:xmpmeta" + b"<a" * 5000),
    ):
        made = riff(_canvas(flag), *((chunk(kind, body), _frame())[:: -1 if flag != _ICC else 1]))
        yield case(f"webp {name}", made, None)
    for length in (2**31, 2**32 - 1):
        made = riff(_canvas(_ICC), chunk(b"ICCP", b"abcd", length), _frame())
        yield case(f"webp profile of length {length}", made, CORRUPT)


def _animation(*frames: bytes, width: int = _SIDE, height: int = _SIDE) -> bytes:
    loop = chunk(b"ANIM", bytes(4) + b"\0\0")
    return riff(_canvas(_ANIMATION, width, height), loop, *frames)


def _frame_at(x: int, y: int, width: int = _SIDE, height: int = _SIDE, body: bytes = b"") -> bytes:
    place = b"".join(v.to_bytes(3, "little") for v in (x // 2, y // 2, width - 1, height - 1, 100))
    return chunk(b"ANMF", place + b"\0" + (body or _frame()))


def _animations() -> Iterator[Hostile]:
    yield case("webp animation of nothing", _animation(), CORRUPT)
    yield case("webp frame outside", _animation(_frame_at(2**24 - 2, 0)), CORRUPT)
    yield case("webp frame larger than it says", _animation(_frame_at(0, 0, 8, 8)), CORRUPT, None)
    yield case(
        "webp frame smaller than it says", _animation(_frame_at(0, 0, 200, 200)), CORRUPT, None
    )
    yield case("webp frame empty", _animation(chunk(b"ANMF", bytes(16))), CORRUPT)
    yield case("webp frame of 3 bytes", _animation(chunk(b"ANMF", b"abc")), CORRUPT)
    canvas = _animation(_frame_at(0, 0), width=16_384, height=16_384)
    yield case("webp animation on a huge canvas", canvas, TOO_LARGE)
    yield case(
        "webp second frame broken",
        _animation(_frame_at(0, 0), b"ANMF\xff\xff\xff\xff"),
        CORRUPT,
        None,
    )
    inside = _animation(_frame_at(0, 0, body=_frame_at(0, 0)))
    yield case("webp frame in a frame", inside, CORRUPT, None)


def _costly() -> Iterator[Hostile]:
    yield case("webp 19 MB of empty chunks", partial(_repeated, chunk(b"ABCD", b"")), None, CORRUPT)
    dot = encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    many = _frame_at(0, 0, 1, 1, dot)
    made = partial(lambda part: _animation(*[part] * (_MEGABYTES // len(part))), many)
    yield case("webp 19 MB of frames", made, None, CORRUPT, TOO_LARGE)
    for name, options in (("lossless", {"lossless": True}), ("lossy", {}), ("alpha", {})):
        made = partial(_largest, "RGBA" if name == "alpha" else "RGB", options)
        yield case(f"webp largest {name}", made, None)


def _repeated(part: bytes) -> bytes:
    return riff(_canvas(), part * (_MEGABYTES // len(part)), _frame())


def _largest(mode: str, options: dict[str, bool]) -> bytes:
    image = Image.new(mode, (3651, 3651), (200, 30, 60, 99)[: len(mode)])
    return encoded(image, "WEBP", method=0, **options)
