"""Bytes to an upright RGB picture: bytes -> bare -> header -> limits -> pixels -> RGB -> upright.

What makes no pixels is left out first (`bare`), and nothing is decompressed before the header has
passed the limits. A picture far larger than needed is brought to RGB and shrunk in bands of rows,
so that beside the decoder's own memory only a few rows are held. Peak resident memory over idle of
the largest square the default limits let pass, with least_side=256 (tests/unit/core/test_image.py
holds the worst ones to 300 MB):

    40 MP    JPEG baseline RGB 3 MB; progressive 4:2:0 117 MB, 4:4:4 232 MB
    40 MP    PNG palette 44 MB; grey 16-bit 86 MB; RGB, RGBA and animated 172 MB
    30 MP    JPEG CMYK 8 MB, progressive 235 MB
    13.3 MP  WebP lossy, lossless, with alpha and animated 206 MB; noise of 14 MB encoded 230 MB
"""

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import TypeAlias

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from service.core.bare import JPEG, PNG, bare_jpeg, bare_png
from service.core.crop import Box
from service.core.errors import (
    CorruptImageError,
    ImageTooLargeError,
    OverloadedError,
    UnsupportedImageError,
    VitrineError,
)
from service.core.scans import count_scans, without_detail

FORMATS = ("JPEG", "PNG", "WEBP")
# Pillow's own bomb check fires at twice its limit and warns below; ours below comes first.
Image.MAX_IMAGE_PIXELS = None
# Odd EXIF blocks make Pillow warn on every picture; `catch_warnings` is not safe in threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

WHOLE = "whole"
Area: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of a picture."""
_ALL = Box(0.0, 0.0, 1.0, 1.0)
_ORIENTATION = ExifTags.Base.Orientation
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes an EXIF orientation."""
_TURNED = (5, 6, 7, 8)
_BAND_ROWS = 64
_MAX_PROGRESSIVE_PIXELS = 20_000_000
# A 65-byte progressive scan costs 22 ms at 40 MP; real files have a dozen.
_MAX_SCANS = 24


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may cost, checked before its pixels are decoded.

    Attributes:
        max_bytes: Encoded size.
        max_pixels: Width times height as stored; a third of it for WebP, whose decoder takes
            16 bytes a pixel, and three quarters for CMYK.
        max_aspect: Longer side over shorter side.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 40_000_000
    max_aspect: float = 20.0


def decode(
    data: bytes,
    *,
    least_side: int,
    limits: ImageLimits | None = None,
    faithful: bool = False,
    box: Box | None = None,
) -> Image.Image:
    """Decode one JPEG, PNG or WebP into an upright RGB picture.

    EXIF orientation is applied (an unreadable block counts as upright), transparency is laid on
    white, CMYK is converted, 16 bits are scaled to 8, and of an animation the first frame is
    taken. A large picture comes back shrunk by a whole factor, never below `least_side` on its
    shorter side. Where a factor does not divide a side, the last pixel stands for less of the
    picture than the others, which stretches what is shown by up to a pixel over its whole width.

    Args:
        data: The encoded picture.
        least_side: Pixels the shorter side must keep, where the picture has that many.
        limits: Bounds on bytes, pixels and aspect ratio.
        faithful: Resample what was shrunk to undo that stretch.
        box: The part that is wanted; all that is said of the picture holds of this part.

    Returns:
        A picture of mode RGB, without metadata; `info` has only its size before it was shrunk,
        as `WHOLE`, if that was to be faithful.

    Raises:
        UnsupportedImageError: Neither JPEG, PNG nor WebP, or a JPEG of a kind that is hardly used.
        ImageTooLargeError: Beyond the limits.
        CorruptImageError: Truncated or damaged.
        OverloadedError: There is no memory for it at present.
        InvalidQueryError: The box covers next to nothing.
    """
    limits = limits or ImageLimits()
    _check_bytes(data, limits)
    try:
        bare = _bare(data)
        with Image.open(BytesIO(bare), formats=FORMATS) as image:
            _check_header(image, limits)
            _check_scans(image, bare, limits)
            orientation, loaded = _load(image, bare, least_side, box)
            small = _shrink(image, least_side, loaded.area)
            if not faithful:
                return _upright(small, orientation)
            even = _evened(small, loaded.extent, _factor(loaded.area, least_side))
            upright, whole = _upright(even, orientation), loaded.whole
            upright.info[WHOLE] = whole[::-1] if orientation in _TURNED else whole
            return upright
    except VitrineError:
        raise
    except UnidentifiedImageError as exc:
        raise CorruptImageError("damaged or truncated picture: unreadable header") from exc
    except MemoryError as exc:  # which says nothing of the picture
        raise OverloadedError("not enough memory to decode a picture; try again later") from exc
    except Exception as exc:  # Pillow raises no closed set of errors on hostile bytes
        raise CorruptImageError(f"damaged or truncated picture: {_plain(exc)}") from exc


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What of a picture is wanted: its size as stored, where it now is, its size there."""

    whole: tuple[int, int]
    area: Area
    extent: tuple[float, float]


def _load(
    image: ImageFile.ImageFile, bare: bytes, least_side: int, box: Box | None
) -> tuple[int, _Loaded]:
    """Read the pixels; return the EXIF orientation, and where among them the box is."""
    if image.format != "JPEG":
        image.load()  # a PNG may say after its pixels which way up it is
    orientation = _orientation(image)
    part = (box or _ALL).stored(orientation)
    whole = _size(part.pixels(*image.size)) if box else image.size
    width, height = (least_side * a // b for a, b in zip(image.size, whole, strict=True))
    extent = _drafted(image, bare, width, height)
    image.load()
    area = part.area(*image.size)
    return orientation, _Loaded(whole, area, extent if extent and not box else _size(area))


def _drafted(
    image: ImageFile.ImageFile, bare: bytes, width: int, height: int
) -> tuple[float, float] | None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, straight from the coefficients; None if it is none.

    Returns:
        What it will measure, in fractions of a pixel.
    """
    progressive = "progressive" in image.info
    if progressive and image.width * image.height > _MAX_PROGRESSIVE_PIXELS:
        # Its coefficients are all held at once; the pixels of a whole one beside them are too much.
        width, height = min(width, image.width // 2), min(height, image.height // 2)
    whole = image.width
    drafted = image.draft(None, (width, height))
    if drafted is None:
        return None
    extent = drafted[1][2:]
    if progressive and whole == 8 * extent[0]:
        image.fp = BytesIO(without_detail(bare))
    return extent


def _check_bytes(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise CorruptImageError("the picture is empty (0 bytes)")
    webp = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    if not webp and not data.startswith((JPEG, PNG)):
        raise UnsupportedImageError("not a JPEG, PNG or WebP picture")
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"{len(data):,} bytes exceed the limit of {limits.max_bytes:,} bytes"
        )


def _bare(data: bytes) -> bytes:
    if data.startswith(PNG):
        return bare_png(data)
    return bare_jpeg(data) if data.startswith(JPEG) else data


def _check_header(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    max_pixels = limits.max_pixels
    if image.format == "WEBP":
        max_pixels = max_pixels // 3
    elif image.mode == "CMYK":
        max_pixels = max_pixels * 3 // 4
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"{width}x{height} pixels exceed the limit of {max_pixels:,} pixels"
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise ImageTooLargeError(
            f"{width}x{height} exceeds the aspect ratio limit of {limits.max_aspect:g}:1"
        )


def _check_scans(image: Image.Image, data: bytes, limits: ImageLimits) -> None:
    if not data.startswith(JPEG):
        return
    too_many = 1 + _MAX_SCANS * limits.max_pixels // (image.width * image.height)
    if count_scans(data, too_many) >= too_many:
        raise ImageTooLargeError(f"{too_many:,} scans are too many for a JPEG of this size")


def _size(area: Area) -> tuple[int, int]:
    left, top, right, bottom = area
    return right - left, bottom - top


def _factor(area: Area, least_side: int) -> int:
    return max(1, min(_size(area)) // least_side)


def _shrink(image: Image.Image, least_side: int, area: Area) -> Image.Image:
    """Average blocks of factor x factor pixels, band by band; the last ones may be partial."""
    factor = _factor(area, least_side)
    if factor == 1:
        return _on_white(image.crop(area))  # a plain picture, where `image` is that of a file
    left, top, right, bottom = area
    width, height = _size(area)
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = factor * -(-_BAND_ROWS // factor)
    for start in range(top, bottom, rows):
        band = image.crop((left, start, right, min(start + rows, bottom)))
        small.paste(_on_white(band).reduce(factor), (0, (start - top) // factor))
    return small


def _evened(small: Image.Image, extent: tuple[float, float], factor: int) -> Image.Image:
    """Give every pixel the same share of the picture, whose last blocks were partial.

    Args:
        small: The picture that was shrunk.
        extent: What there was before, in pixels; a fraction where a JPEG was decoded at a scale.
        factor: It was shrunk by.
    """
    width, height = extent[0] / factor, extent[1] / factor
    if width == small.width and height == small.height:
        return small
    even = max(1, round(width)), max(1, round(height))
    return small.resize(even, Image.Resampling.BICUBIC, box=(0, 0, width, height))


def _on_white(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, transparent parts white; what is RGB already is given back."""
    if image.mode.startswith("I"):
        # 16-bit greyscale; a plain convert() would clip it to white.
        scaled = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
    rgba = image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1-8; a broken block must not lose the picture."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - as in decode()
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    image.info = {}
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _plain(exc: BaseException) -> str:
    return str(exc).strip().rstrip(".").lower() or type(exc).__name__
