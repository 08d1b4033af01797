"""An upright RGB picture to the encoder's input; training and export call the same functions.

    bytes -> decode (at least 2 or 4 times the size) -> resize (squash | shortest | pad) -> uint8

Mean, standard deviation and layout are inside the graph, so this ends in uint8 HWC.
"""

import numpy as np
from PIL import Image

from service.core.crop import Box
from service.core.image import WHOLE, ImageLimits, decode
from service.core.manifest import PreprocessSpec
from service.core.types import Pixels

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def decode_for(
    spec: PreprocessSpec,
    data: bytes,
    limits: ImageLimits | None = None,
    box: Box | None = None,
) -> Image.Image:
    """Decode bytes, or the part of the picture in a box, as this model sees them.

    The scale of the decoder is part of the vector, so every path to the encoder decodes here:
    at least twice the model's size, which leaves the resize enough to average over, or four times
    where the bundle asks for it.

    Raises:
        InvalidImageError: As `service.core.image.decode`.
        InvalidQueryError: The box covers next to nothing.
    """
    side = spec.resize_side or spec.size
    if spec.decoding == "faithful":
        return decode(data, least_side=4 * side, limits=limits, faithful=True, box=box)
    return decode(data, least_side=2 * side, limits=limits, box=box)


def preprocess(spec: PreprocessSpec, image: Image.Image) -> Pixels:
    """Bring an RGB picture to the model's (size, size, 3) uint8."""
    resample = _FILTERS[spec.interpolation]
    size = spec.size
    if spec.resize_side:
        resized = image.resize((size, size), resample, box=_middle_box(image, spec))
    elif spec.resize == "squash":
        resized = image.resize((size, size), resample)
    elif spec.resize == "shortest":
        resized = image.resize((size, size), resample, box=_centre_box(image, spec.crop_pct))
    else:
        resized = _pad(image, size, spec.background, resample)
    return np.asarray(resized, dtype=np.uint8)


def _centre_box(image: Image.Image, crop_pct: float) -> tuple[float, float, float, float]:
    """The centred square that remains of the shorter side after cropping, in source pixels."""
    width, height = image.size
    side = min(width, height) * crop_pct
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _middle_box(image: Image.Image, spec: PreprocessSpec) -> tuple[float, float, float, float]:
    """The part of the picture that the middle `size` pixels show once it has been resized.

    In whole pixels of the resized picture, rounded down as `transformers` does, from its size
    before the decoder shrunk it; given back in the pixels of `image`, so that no more than the
    crop is computed.
    """
    width, height = image.info.get(WHOLE, image.size)
    side = spec.resize_side or spec.size
    resized_width = resized_height = side
    if spec.resize == "shortest":
        shorter = min(width, height)
        resized_width, resized_height = side * width // shorter, side * height // shorter
    left, top = (resized_width - spec.size) // 2, (resized_height - spec.size) // 2
    x, y = image.width / resized_width, image.height / resized_height
    right, bottom = (left + spec.size) * x, (top + spec.size) * y
    return left * x, top * y, min(right, image.width), min(bottom, image.height)


def _pad(
    image: Image.Image,
    size: int,
    background: tuple[int, int, int],
    resample: Image.Resampling,
) -> Image.Image:
    width, height = image.size
    scale = size / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new("RGB", (size, size), background)
    canvas.paste(image.resize(inner, resample), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return canvas
