"""JPEGs that lie: about their size, their tables, their segments, and what they cost."""

import struct
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from support.hostile import Hostile, case
from support.odd_files import CORRUPT, TOO_LARGE, UNSUPPORTED
from support.pictures import encoded, jpeg_with_exif, orientation_exif, photo

_MEGABYTES = 19_000_000
_LARGEST = 6324  # the side of 40 megapixels


def segment(marker: int, body: bytes, length: int | None = None) -> bytes:
    """Write a segment; `length` is what it claims to be, with its own two bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2 if length is None else length) + body


@cache
def _plain() -> bytes:
    return encoded(photo(64, 48), "JPEG", quality=90)


@cache
def _progressive(side: int = 64) -> bytes:
    image = photo(side, side) if side < 1000 else Image.new("RGB", (side, side), "red")
    return encoded(image, "JPEG", progressive=True, subsampling=0)


def hostile() -> Iterator[Hostile]:
    """Yield every one."""
    yield from _sizes()
    yield from _frames()
    yield from _segments()
    yield from _metadata()
    yield from _costly()
    yield from _sound()


def _with(*segments: bytes) -> bytes:
    return _plain()[:2] + b"".join(segments) + _plain()[2:]


def _patched(marker: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite bytes of the first segment with this marker; `offset` counts from the marker."""
    at = _plain().index(marker) + offset
    return _plain()[:at] + value + _plain()[at + len(value) :]


def _sizes() -> Iterator[Hostile]:
    sides = {
        "65535x65535": (65535, 65535, {TOO_LARGE}),
        "65500x1": (65500, 1, {TOO_LARGE}),
        "1x65500": (1, 65500, {TOO_LARGE}),
        "0x0": (0, 0, {CORRUPT}),
        "0 rows": (64, 0, {CORRUPT}),
        "0 columns": (0, 48, {CORRUPT}),
        "40000x1000": (40000, 1000, {TOO_LARGE}),
        "6000x6000": (6000, 6000, {CORRUPT, None}),
        "65x49": (65, 49, {CORRUPT, None}),
        "63x47": (63, 47, {CORRUPT, None}),
    }
    for name, (width, height, ends) in sides.items():
        data = _patched(b"\xff\xc0", 5, struct.pack(">HH", height, width))
        yield case(f"jpeg says {name}", data, *ends)


def _frames() -> Iterator[Hostile]:
    either = (CORRUPT, UNSUPPORTED, None)
    for precision in (0, 2, 12, 16, 255):
        yield case(
            f"jpeg of {precision} bits", _patched(b"\xff\xc0", 4, bytes((precision,))), *either
        )
    for parts in (0, 2, 4, 5, 255):
        yield case(
            f"jpeg of {parts} components", _patched(b"\xff\xc0", 9, bytes((parts,))), CORRUPT
        )
    for scheme in (*range(0xC1, 0xC4), *range(0xC5, 0xD0)):
        data = _plain().replace(b"\xff\xc0", bytes((0xFF, scheme)), 1)
        yield case(f"jpeg of scheme {scheme:X}", data, *either)
    yield case("jpeg samples 15x15", _patched(b"\xff\xc0", 11, b"\xff"), CORRUPT)
    yield case("jpeg samples 0x0", _patched(b"\xff\xc0", 11, b"\0"), CORRUPT)
    yield case("jpeg table 9", _patched(b"\xff\xc0", 12, b"\x09"), CORRUPT)
    yield case("jpeg quantised by zeros", _patched(b"\xff\xdb", 5, bytes(64)), CORRUPT, None)
    yield case("jpeg codes overfull", _patched(b"\xff\xc4", 5, b"\xff" * 16), CORRUPT)
    yield case("jpeg codes none", _patched(b"\xff\xc4", 5, bytes(16)), CORRUPT)
    yield case("jpeg scan of no parts", _patched(b"\xff\xda", 4, b"\0"), CORRUPT)
    yield case("jpeg scan of 9 parts", _patched(b"\xff\xda", 4, b"\x09"), CORRUPT)
    yield case("jpeg scan of unknown part", _patched(b"\xff\xda", 5, b"\x77"), CORRUPT)


def _segments() -> Iterator[Hostile]:
    scan = _plain().index(b"\xff\xda")
    frame = _plain().index(b"\xff\xc0")
    whole_frame = _plain()[frame : frame + 19]
    for length in (0, 1, 65535):
        made = _with(segment(0xFE, b"abc", length))
        yield case(f"jpeg comment of length {length}", made, CORRUPT)
    yield case("jpeg without a scan", _plain()[:scan] + b"\xff\xd9", CORRUPT)
    yield case("jpeg scan before all", _plain()[:2] + _plain()[scan:], CORRUPT)
    yield case("jpeg without frame", _plain().replace(whole_frame, b""), CORRUPT)
    yield case("jpeg two frames", _with(whole_frame), CORRUPT)
    yield case("jpeg starts twice", _with(b"\xff\xd8"), CORRUPT, None)
    yield case("jpeg ends at once", _with(b"\xff\xd9"), CORRUPT)
    yield case("jpeg empty scan", _plain()[: scan + 14] + b"\xff\xd9", CORRUPT, None)
    yield case("jpeg without end", _plain()[:-2], CORRUPT, None)
    yield case("jpeg restarts at each block", _with(segment(0xDD, b"\0\1")), CORRUPT, None)
    yield case("jpeg restart of length 3", _with(segment(0xDD, b"\0")), CORRUPT)
    yield case("jpeg says its height later", _with(segment(0xDC, b"\xff\xff")), CORRUPT, None)
    yield case("jpeg padded", _with(b"\xff" * 100_000), None)
    yield case("jpeg junk between", _plain()[:20] + b"\0junk" * 100_000 + _plain()[20:], None)
    yield case("jpeg only starts", b"\xff\xd8\xff" * 10_000, CORRUPT)
    yield case("jpeg then FFs", _plain()[:scan] + b"\xff" * 1_000_000, CORRUPT)


def _metadata() -> Iterator[Hostile]:
    photograph = photo(64, 48)
    ifd = b"II*\0\x08\0\0\0"
    blocks = {
        "empty": b"",
        "no order": b"XX*\0\x08\0\0\0",
        "past its end": b"II*\0\xff\xff\xff\x7f",
        "pointing at itself": ifd + b"\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",
        "65535 tags": ifd + b"\xff\xff" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" * 5000,
        "a value of 4 GB": ifd + b"\x01\0\x12\x01\x07\0\xff\xff\xff\xff\x08\0\0\0\0\0\0\0",
        "overlapping values": ifd
        + b"\x88\x13"
        + b"".join(struct.pack("<HHII", tag, 7, 60_000, 8) for tag in range(1, 5001)),
        "turned 255": orientation_exif(255)[6:],
        "turned 0": orientation_exif(0)[6:],
        "big tiff": b"II+\0\x08\0\0\0" + bytes(40),
    }
    for name, block in blocks.items():
        yield case(f"jpeg exif {name}", jpeg_with_exif(photograph, block), None)
    profiles = {
        "garbage": segment(0xE2, b"ICC_PROFILE\0\x01\x01" + b"\xff" * 500),
        "part 9 of 3": segment(0xE2, b"ICC_PROFILE\0\x09\x03" + bytes(50)),
        "255 parts of one": segment(0xE2, b"ICC_PROFILE\0\x01\xff" + bytes(50)),
        "part 0": segment(0xE2, b"ICC_PROFILE\0\x00\x00"),
        "cut short": segment(0xE2, b"ICC_PROFILE\0"),
    }
    for name, profile in profiles.items():
        yield case(f"jpeg profile {name}", _with(profile), None)
    others = {
        "adobe short": segment(0xEE, b"Adobe"),
        "adobe transform 9": segment(0xEE, b"Adobe\0\x64\0\0\0\0\x09"),
        "jfif short": segment(0xE0, b"JFIF"),
        "further pictures": segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + bytes(60)),
        "photoshop cut": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\xff\xff\xff\xff"),
        "xmp open": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta" + b"<a" * 20_000),
    }
    for name, other in others.items():
        yield case(f"jpeg {name}", _with(other), CORRUPT, None)


def _costly() -> Iterator[Hostile]:
    parts = {
        "comments": segment(0xFE, b""),
        "exif by two bytes": segment(0xE1, b"Exif\0\0ab"),
        "profiles": segment(0xE2, b"ICC_PROFILE\0\x01\x01"),
        "photoshop blocks": segment(0xED, b"Photoshop 3.0\0"),
        "tables": segment(0xDB, b"\0" + b"\1" * 64),
        "large comments": segment(0xFE, bytes(65_533)),
    }
    for name, part in parts.items():
        ends = {None} if name == "large comments" else {TOO_LARGE}
        yield case(f"jpeg 19 MB of {name}", partial(_repeated, part), *ends)
    for side, scans in ((8, 1_000_000), (64, 100_000), (2000, 1000), (_LARGEST, 300)):
        made = partial(_many_scans, side, scans)
        ends = {TOO_LARGE} if side >= 2000 else {TOO_LARGE, CORRUPT, None}
        yield case(f"jpeg {side} px of {scans} scans", made, *ends)
    yield case("jpeg largest, all scans allowed", partial(_many_scans, _LARGEST, 14), None)
    yield case("jpeg largest progressive", partial(_progressive, _LARGEST), None)
    yield case("jpeg 21 MB", lambda: _plain() + bytes(21_000_000), TOO_LARGE)


def _repeated(part: bytes) -> bytes:
    return _with(part * (_MEGABYTES // len(part)))


def _many_scans(side: int, scans: int) -> bytes:
    data = _progressive(side)
    last = data[data.rindex(b"\xff\xda") : -2][:200]
    return data[:-2] + last * min(scans, _MEGABYTES // len(last)) + data[-2:]


def _sound() -> Iterator[Hostile]:
    image = photo(120, 90)
    yield case("jpeg ycck", encoded(image.convert("CMYK"), "JPEG", quality=60), None)
    yield case("jpeg of one pixel", encoded(Image.new("RGB", (1, 1)), "JPEG"), None)
    yield case("jpeg sound rgb", encoded(image, "JPEG", keep_rgb=True), None)
    yield case(
        "jpeg several in one", encoded(image, "MPO", save_all=True, append_images=[image]), None
    )
    yield case("jpeg progressive grey", encoded(image.convert("L"), "JPEG", progressive=True), None)
