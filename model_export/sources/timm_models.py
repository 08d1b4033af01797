"""A model of timm to a `Foreign`, where timm is installed; it is none of our dependencies.

name or folder -> timm.create_model without its classifier -> its data config -> picture tower
"""

import importlib
import math
from pathlib import Path
from typing import Any

from model_export.bundle import ExportError
from model_export.foreign import Foreign, Normalisation, PictureGraph, PictureSide, gflops
from model_export.quiet import quiet_loggers
from service.core.manifest import PreprocessSpec

PREFIX = "timm:"
_FILTERS = ("bilinear", "bicubic", "lanczos")


def read_timm(source: str) -> Foreign:
    """Read a model, pooled as it was trained: timm would make up weights for another way.

    Args:
        source: `timm:NAME`, which timm downloads, or the folder of one of its models.

    Raises:
        ExportError: timm is not installed, cannot make the model, or makes its pictures in a way
            that a bundle cannot.
    """
    timm = _timm(source)
    name = source.removeprefix(PREFIX) if source.startswith(PREFIX) else f"local-dir:{source}"
    try:
        with quiet_loggers("timm", "huggingface_hub"):
            model = timm.create_model(name, pretrained=True, num_classes=0, exportable=True)
    except Exception as exc:  # whatever its hundreds of models raise
        reason = " ".join(str(exc).split())[:200]
        raise ExportError(f"timm cannot make {source}: {reason}") from exc
    config = timm.data.resolve_model_data_config(model)
    spec = _spec(source, config)
    graph = PictureGraph(model, Normalisation(config["mean"], config["std"]))
    patch = getattr(getattr(model, "patch_embed", None), "patch_size", None)
    side = int(patch[0]) if patch else None
    return Foreign(
        name=Path(source.removeprefix(PREFIX)).name,
        licence=(model.pretrained_cfg or {}).get("license"),
        pictures=PictureSide(
            graph=graph,
            spec=spec,
            patch=side,
            tokens=(spec.size // side) ** 2 if side else None,
            gflops=gflops(graph, spec.size),
        ),
    )


def _timm(source: str) -> Any:
    try:
        timm = importlib.import_module("timm")
        importlib.import_module("timm.data")
    except ImportError as exc:
        raise ExportError(
            f"{source} is a model of timm, which is not installed here: pip install timm"
        ) from exc
    return timm


def _spec(source: str, config: dict[str, Any]) -> PreprocessSpec:
    channels, height, width = config["input_size"]
    mode, interpolation = config.get("crop_mode", "center"), config["interpolation"]
    if channels != 3 or height != width:
        raise ExportError(
            f"{source} takes pictures of {config['input_size']}: a bundle's are square"
        )
    if mode not in ("center", "squash") or interpolation not in _FILTERS:
        raise ExportError(
            f"{source} crops by {mode} and resizes by {interpolation}: not known here"
        )
    side = math.floor(height / config["crop_pct"])
    squash = mode == "squash"
    return PreprocessSpec(
        size=height,
        resize="squash" if squash else "shortest",
        resize_side=None if squash and side == height else side,
        interpolation=interpolation,
        decoding="faithful",
    )
