"""A model of timm to a `Foreign`, where timm is installed; it is none of our dependencies.

name or folder -> timm.create_model without its classifier -> its data config -> picture tower
"""

import importlib
import math
from pathlib import Path
from typing import Any

from torch import nn

from model_export.bundle import ExportError
from model_export.foreign import Foreign, Normalisation, PictureGraph, PictureSide, gflops
from service.core.manifest import PreprocessSpec

PREFIX = "timm:"
_POOLS = {"cls": "token", "gap": "avg", "map": "map"}
_FILTERS = ("bilinear", "bicubic", "lanczos")


def read_timm(source: str, *, pooling: str | None = None) -> Foreign:
    """Read a model.

    Args:
        source: `timm:NAME`, which timm downloads, or the folder of one of its models.
        pooling: In place of the model's own: `cls`, `gap` or `map`.

    Raises:
        ExportError: timm is not installed, cannot make the model, or makes its pictures in a way
            that a bundle cannot.
    """
    timm = _timm(source)
    name = source.removeprefix(PREFIX) if source.startswith(PREFIX) else f"local-dir:{source}"
    options = {"global_pool": _pool(source, pooling)} if pooling else {}
    try:
        model = timm.create_model(name, pretrained=True, num_classes=0, exportable=True, **options)
    except Exception as exc:  # whatever its hundreds of models raise
        reason = " ".join(str(exc).split())[:200]
        raise ExportError(f"timm cannot make {source}: {reason}") from exc
    config = timm.data.resolve_model_data_config(model)
    spec = _spec(source, config)
    graph = PictureGraph(_Vectors(model), Normalisation(config["mean"], config["std"]))
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


def _pool(source: str, pooling: str) -> str:
    if pooling not in _POOLS:
        raise ExportError(f"{source} can be pooled by {', '.join(_POOLS)}, not by {pooling}")
    return _POOLS[pooling]


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


class _Vectors(nn.Module):
    """The model, which gives (n, width) without a classifier."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Any) -> Any:
        return self.model(pixels)
