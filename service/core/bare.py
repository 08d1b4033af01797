"""A picture's file without what makes no pixels, so that nothing else is ever parsed.

    bytes -> segments of a JPEG | chunks of a PNG -> those that matter, once each -> bytes

Pillow walks through segments and chunks in Python and collects them: 20 MB of empty comments cost
it 3.5 s and 350 MB; EXIF segments of two bytes, which it joins one by one, 3 s at 4 MB, and 25
times that at 20 MB. Profiles, text and further frames are bombs, or damaged, for nothing. WebP is
left to libwebp, which is quick at it.
"""

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from service.core.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"

_MAX_PARTS = 65_536  # 20 MB of 300 bytes each
_PNG_BEFORE, _PNG_AFTER = (b"IHDR", b"PLTE", b"tRNS"), (b"eXIf", b"IEND")
# Linear even in a run of FFs, which may pad any marker; FF 00 and FF D0-D7 are of the pixels.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
SOS, EOI = 0xDA, 0xD9
_ALONE = (0x01, 0xD8)  # markers without a length
PROGRESSIVE = 0xC2
SCHEMES = (0xC0, 0xC1, PROGRESSIVE)  # baseline, extended, progressive; all by Huffman
_OTHER_SCHEMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
QUANTISATION = 0xDB
_TABLES = (0xC4, QUANTISATION, 0xDD)  # with those of Huffman, and the restart interval
# By marker and name; of each the first. JFIF and Adobe say how colours are stored.
_NAMED = ((0xE0, b"JFIF"), (0xE1, b"Exif"), (0xE1, b"http"), (0xEE, b"Adob"))


class Segment(NamedTuple):
    """A marker of a JPEG, and where it begins and ends with the bytes it declares."""

    marker: int
    start: int
    end: int


def bare_png(data: bytes) -> bytes:
    """Keep the first header, palette, transparency and EXIF, and all pixels as one chunk.

    Raises:
        ImageTooLargeError: It has too many chunks.
    """
    kept: dict[bytes, bytes] = {}
    pixels = []
    start = len(PNG)
    for _ in range(_MAX_PARTS):
        if start >= len(data):
            break
        kind = data[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        if kind == b"IDAT":
            pixels.append(data[start + 8 : end - 4])
        elif kind in _PNG_BEFORE + _PNG_AFTER:
            kept.setdefault(kind, data[start:end])
        start = end
    else:
        raise _too_many("chunks")
    body = b"".join(pixels)
    check = zlib.crc32(body, zlib.crc32(b"IDAT")).to_bytes(4, "big")
    idat = [len(body).to_bytes(4, "big"), b"IDAT", body, check] if pixels else []
    before, after = ([kept[k] for k in order if k in kept] for order in (_PNG_BEFORE, _PNG_AFTER))
    return b"".join((PNG, *before, *idat, *after))


def bare_jpeg(data: bytes) -> bytes:
    """Keep tables, frame, one JFIF, Adobe, EXIF and XMP segment, and all from the first scan on.

    Raises:
        CorruptImageError: There is no scan, or a segment of impossible length.
        ImageTooLargeError: It has too many segments.
        UnsupportedImageError: Its pixels are coded as hardly any JPEG's are.
    """
    kept = [data[:2]]
    named = set()
    for marker, start, end in segments(data):
        if marker == SOS:
            return b"".join((*kept, data[start:]))
        name = (marker, data[start + 4 : start + 8])
        if marker in _OTHER_SCHEMES:
            raise UnsupportedImageError("a JPEG coded arithmetically, losslessly or hierarchically")
        if marker in SCHEMES + _TABLES or (name in _NAMED and name not in named):
            named.add(name)
            kept.append(data[start:end])
    raise CorruptImageError("damaged or truncated picture: no scan in this JPEG")


def segments(data: bytes) -> Iterator[Segment]:
    """Walk as libjpeg does, past bytes between segments, to the end of the picture.

    The last is the marker of that end, where there is one.

    Raises:
        CorruptImageError: A segment has an impossible length.
        ImageTooLargeError: There are too many.
    """
    at = 2
    for _ in range(_MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None:
            return
        begin, at = found.start(), found.end()
        marker = data[begin + 1]
        if marker == EOI:
            yield Segment(marker, begin, at)
            return
        if marker in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2:
            raise CorruptImageError("damaged or truncated picture: a segment of no length")
        at += length
        yield Segment(marker, begin, at)
    raise _too_many("segments")


def _too_many(parts: str) -> ImageTooLargeError:
    return ImageTooLargeError(f"more than {_MAX_PARTS:,} {parts}")
