"""What a model's own image processor does, as a `PreprocessSpec` and a `Normalisation`.

    preprocessor_config.json -> image processor of `transformers` -> size, crop, filter, mean ...

The processor is made so that what its file leaves out has the values it would have at its maker's.
"""

import json
from math import isqrt
from pathlib import Path
from typing import Any

import transformers

from model_export.bundle import ExportError
from model_export.foreign import Normalisation
from service.core.manifest import PreprocessSpec

FILE, NESTED_FILE = "preprocessor_config.json", "processor_config.json"
_FILTERS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
# Its own class needs torchvision; it does as ViT's does, but for the order of rescaling.
_DINOV3 = {
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 2,
    "size": {"height": 224, "width": 224},
}
_DINOV3_NAME = "DINOv3ViTImageProcessor"
_KNOWN = (
    *(f"{name}ImageProcessor" for name in ("ViT", "DeiT", "Bit", "CLIP", "Siglip", "Siglip2")),
    _DINOV3_NAME,
)


def read_preprocessing(folder: Path, processor: str) -> tuple[PreprocessSpec, Normalisation]:
    """Read how a model's pictures are to be made.

    Args:
        folder: Of the model.
        processor: The class to take where the file names none.

    Raises:
        ExportError: The file is missing or damaged, or asks for what a fixed square cannot be.
    """
    raw, file = _raw(folder)
    name = str(raw.get("image_processor_type") or raw.get("feature_extractor_type") or processor)
    name = name.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")
    if name not in _KNOWN:
        raise ExportError(f"{file} is of a {name}, which is not known: {', '.join(_KNOWN)} are")
    try:
        made = _made(name, raw)
        return _spec(made), _normalisation(made)
    except ExportError as exc:
        raise ExportError(f"{file} {exc}") from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        reason = str(exc).splitlines()[0]
        raise ExportError(f"{file} cannot be read as a {name}: {reason}") from exc


def _made(name: str, raw: dict[str, Any]) -> Any:
    """Make the image processor, on Pillow: the other kind needs torchvision."""
    if name == _DINOV3_NAME:
        given = {field: value for field, value in raw.items() if value is not None}
        return transformers.ViTImageProcessorPil.from_dict({**_DINOV3, **given})
    return getattr(transformers, f"{name}Pil").from_dict(raw)


def _raw(folder: Path) -> tuple[dict[str, Any], Path]:
    """Return what the file says, and the file: newer models keep it within another."""
    for name, key in ((NESTED_FILE, "image_processor"), (FILE, None)):
        file = folder / name
        if not file.is_file():
            continue
        raw = read_json(file)
        if key is None or key in raw:
            return (raw[key] if key else raw), file
    raise ExportError(
        f"{folder} has no {FILE}, and how its pictures are made is not to be guessed: "
        f"take that file from where the model came from"
    )


def read_json(file: Path) -> dict[str, Any]:
    """Read an object from a JSON file.

    Raises:
        ExportError: There is none in it.
    """
    try:
        raw = json.loads(file.read_text())
    except (OSError, ValueError) as exc:
        raise ExportError(f"{file} cannot be read: {exc}") from exc
    if not isinstance(raw, dict):
        raise ExportError(f"{file} cannot be read: it holds no object")
    return raw


def _spec(made: Any) -> PreprocessSpec:
    if not made.do_resize:
        raise ExportError("leaves pictures at any size (do_resize): a bundle has one")
    if getattr(made, "do_pad", None):
        raise ExportError("pads pictures (do_pad), which a bundle cannot do as it does")
    if made.resample not in _FILTERS:
        raise ExportError(f"resizes by filter {made.resample}: {_FILTERS} are known")
    filtered: dict[str, Any] = {
        "interpolation": _FILTERS[int(made.resample)],
        "decoding": "faithful",
    }
    if hasattr(made, "max_num_patches"):
        # NaFlex: as many whole patches as fit a square, which is what it makes of square pictures.
        side = isqrt(made.max_num_patches) * made.patch_size
        return PreprocessSpec(size=side, resize="squash", **filtered)
    resize, side = _resize(made.size)
    if made.do_center_crop:
        size = _square(made.crop_size.height, made.crop_size.width)
        if size > side:
            raise ExportError(f"resizes to {side} and crops {size}, which would need padding")
    elif resize == "shortest":
        raise ExportError(
            "keeps the aspect ratio and crops nothing: a bundle's pictures are square"
        )
    else:
        size = side
    cropped = resize == "shortest" or size < side
    return PreprocessSpec(
        size=size, resize=resize, resize_side=side if cropped else None, **filtered
    )


def _resize(size: Any) -> tuple[Any, int]:
    """Return the way of resizing, and to which side."""
    if size.shortest_edge and not size.longest_edge:
        return "shortest", size.shortest_edge
    if size.height and size.width:
        return "squash", _square(size.height, size.width)
    given = {name: value for name, value in dict(size).items() if value}
    raise ExportError(f"resizes to {given}: shortest_edge, or height and width, are known")


def _square(height: int, width: int) -> int:
    if height != width:
        raise ExportError(f"makes pictures of {height}x{width}: a bundle's are square")
    return height


def _normalisation(made: Any) -> Normalisation:
    def three(values: Any) -> tuple[float, float, float]:
        red, green, blue = [values] * 3 if isinstance(values, int | float) else values
        return float(red), float(green), float(blue)

    scale = float(made.rescale_factor) if made.do_rescale else 1.0
    if not made.do_normalize:
        return Normalisation(scale=scale)
    return Normalisation(three(made.image_mean), three(made.image_std), scale)
