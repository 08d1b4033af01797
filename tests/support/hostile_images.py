"""Pictures that strangers may send: damaged, lying about themselves, or made to cost.

    sound pictures -> cut, bits flipped, pieces moved   (here)
    every lie a JPEG, PNG or WebP can tell              (hostile_jpeg, hostile_png, hostile_webp)
    other files under a picture's name                  (hostile_files)

Seeded; the bytes of one are made only when asked for. `ends` is how it may end: the codes of
errors, and None for a sound decode, which some damage leaves possible.
"""

import random
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from support import hostile_files, hostile_jpeg, hostile_png, hostile_webp
from support.hostile import Hostile
from support.odd_files import CORRUPT, TOO_LARGE, UNSUPPORTED
from support.pictures import encoded, orientation_exif, photo

_CUTS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
_FLIPS, _MOVES = 10, 4
_SIDES = (160, 120)
_ANIMATED = ("png animated", "webp animated")


@cache
def sound_pictures() -> dict[str, bytes]:
    """One of each kind that the decoders treat differently."""
    image = photo(*_SIDES)
    alpha = image.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = orientation_exif(6)
    frames = {"save_all": True, "append_images": [photo(*_SIDES, seed=1)]}
    return {
        "jpeg": encoded(image, "JPEG", exif=exif),
        "jpeg progressive": encoded(image, "JPEG", progressive=True),
        "jpeg grey": encoded(image.convert("L"), "JPEG"),
        "jpeg cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg restarts": encoded(image, "JPEG", restart_marker_blocks=4),
        "png": encoded(image, "PNG", exif=exif),
        "png alpha": encoded(alpha, "PNG"),
        "png palette": encoded(image.quantize(32), "PNG", transparency=3),
        "png 1 bit": encoded(image.convert("1"), "PNG"),
        "png animated": encoded(image, "PNG", **frames),
        "webp": encoded(image, "WEBP", exif=exif),
        "webp lossless": encoded(image, "WEBP", lossless=True),
        "webp alpha": encoded(alpha, "WEBP"),
        "webp animated": encoded(alpha, "WEBP", **frames),
    }


@cache
def hostile_pictures() -> tuple[Hostile, ...]:
    """All of them; no two have the same name."""
    families = (_damaged(), *(m.hostile() for m in _MODULES))
    pictures = tuple(picture for family in families for picture in family)
    assert len({picture.name for picture in pictures}) == len(pictures)
    return pictures


_MODULES = (hostile_jpeg, hostile_png, hostile_webp, hostile_files)


def _damaged() -> Iterator[Hostile]:
    for base in sound_pictures():
        # The first frame of an animation may be whole where the file is not.
        cut = {CORRUPT, None} if base in _ANIMATED else {CORRUPT}
        for share in _CUTS:
            # Less than the signature that says WebP is no picture at all.
            ends = cut | {UNSUPPORTED} if share < 0.1 else cut
            yield Hostile(f"{base} cut at {share:.0%}", partial(_cut, base, share), frozenset(ends))
        either = frozenset({CORRUPT, TOO_LARGE, UNSUPPORTED, None})
        for seed in range(_FLIPS):
            yield Hostile(f"{base} flipped {seed}", partial(_flipped, base, seed), either)
        for seed in range(_MOVES):
            yield Hostile(f"{base} moved {seed}", partial(_moved, base, seed), either)


def _cut(base: str, share: float) -> bytes:
    data = sound_pictures()[base]
    return data[: max(1, int(len(data) * share))]


def _flipped(base: str, seed: int) -> bytes:
    """Flip 1 to 32 bits; in every other picture among the first 100 bytes."""
    rng = random.Random(f"{base} {seed}")
    data = bytearray(sound_pictures()[base])
    reach = 100 if seed % 2 else len(data)
    for _ in range(2 ** rng.randint(0, 5)):
        data[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    return bytes(data)


def _moved(base: str, seed: int) -> bytes:
    """Drop, repeat, blank or reverse a piece."""
    rng = random.Random(f"{base} {seed}")
    data = sound_pictures()[base]
    start = rng.randrange(len(data) - 50)
    end = start + rng.randint(10, 50)
    piece = data[start:end]
    changed = (b"", piece * 40, bytes(len(piece)), piece[::-1])[seed % 4]
    return data[:start] + changed + data[end:]
