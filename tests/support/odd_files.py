"""A folder as shops really have them: good pictures, odd ones and broken ones."""

from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image

from support.pictures import RGB, encoded, grey16, orientation_exif, photo, png

UNSUPPORTED, CORRUPT, TOO_LARGE = "unsupported_image", "corrupt_image", "image_too_large"


def write_odd_files(folder: Path) -> dict[str, str | None]:
    """Write the files; return each name with the error code it must end in, or None."""
    good = encoded(photo(200, 300, seed=1), "JPEG", quality=90)
    files: dict[str, tuple[bytes, str | None]] = {
        "good.jpg": (good, None),
        "duplicate.jpg": (good, None),
        "rotated.jpg": (
            encoded(photo(300, 200, seed=2), "JPEG", exif=orientation_exif(6)),
            None,
        ),
        "cmyk.jpg": (encoded(photo(120, 160, seed=3).convert("CMYK"), "JPEG"), None),
        "grey16.png": (_grey16(), None),
        "rgb16.png": (_rgb16(), None),
        "transparent.png": (_transparent(), None),
        "palette.png": (_palette(), None),
        "animated.webp": (_animation("WEBP"), None),
        "animated.gif": (_animation("GIF"), UNSUPPORTED),
        "text.jpg": (b"id,title\n1,this is a catalogue, not a picture\n", UNSUPPORTED),
        "truncated.jpg": (good[: len(good) // 2], CORRUPT),
        "empty.jpg": (b"", CORRUPT),
        "sliver.png": (png((1, 10_000), repeat(b"\x80", 10_000)), TOO_LARGE),
        "huge.png": (huge_png(), TOO_LARGE),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    return {name: code for name, (_, code) in files.items()}


def huge_png(side: int = 20_000) -> bytes:
    """A valid one-bit picture: 400 megapixels in 50 kB, built row by row."""
    return png((side, side), repeat(b"\xaa" * (-(-side // 8)), side), depth=1)


def _grey16() -> bytes:
    grey = np.asarray(photo(90, 120, seed=4).convert("L")).astype(np.uint16)
    return grey16(grey * 257)


def _rgb16() -> bytes:
    pixels = np.asarray(photo(90, 120, seed=5)).astype(">u2") * 257
    rows = (row.astype(">u2").tobytes() for row in pixels)
    return png((90, 120), rows, depth=16, colour=RGB)


def _transparent() -> bytes:
    image = photo(150, 100, seed=6)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return encoded(image, "PNG")


def _palette() -> bytes:
    image = photo(100, 150, seed=7).quantize(64)
    return encoded(image, "PNG", transparency=bytes(range(0, 256, 4)))


def _animation(kind: str) -> bytes:
    first, second = photo(80, 80, seed=8), photo(80, 80, seed=9)
    return encoded(first, kind, save_all=True, append_images=[second], duration=100)
