"""A folder of `transformers` (config.json, safetensors, preprocessor_config.json) to a `Foreign`.

config.json -> family -> preprocessing -> weights, all of them -> picture tower (+ text tower)
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import nn

from model_export.bundle import ExportError
from model_export.foreign import Foreign, Normalisation, PictureGraph, PictureSide, WordSide, gflops
from model_export.sources.families import FAMILIES, Family, Tower
from model_export.sources.hub import stated_licence
from model_export.sources.processor import read_json, read_preprocessing
from model_export.sources.quiet import quiet_transformers
from model_export.sources.tokens import read_words
from service.core.manifest import PreprocessSpec

CONFIG = "config.json"


def read_huggingface(
    folder: Path, *, pooling: str | None = None, words: bool = True, name: str | None = None
) -> Foreign:
    """Read a model.

    Args:
        folder: Of the model.
        pooling: In place of the family's own.
        words: Whether to take a text tower along.
        name: Of the model; by default the folder's.

    Raises:
        ExportError: It is of no known family, incomplete, or its parts do not fit together.
    """
    config = read_json(folder / CONFIG)
    family = _family(folder / CONFIG, config.get("model_type"))
    chosen = _pooling(folder, config, family, pooling)
    spec, normalisation = read_preprocessing(folder, family.processor)
    model = _load(folder, family)
    _check_size(folder, model.config, family, spec)
    pictures = _pictures(folder, model, family, chosen, spec, normalisation)
    shared = chosen == next(iter(family.poolings))
    return Foreign(
        name=name or folder.resolve().name,
        licence=stated_licence(folder),
        pictures=pictures,
        words=_words(folder, model) if family.words and words and shared else None,
    )


def _family(file: Path, model_type: object) -> Family:
    if model_type in FAMILIES:
        return FAMILIES[str(model_type)]
    said = f"is of the architecture {model_type!r}" if model_type else "names no model_type"
    raise ExportError(
        f"{file} {said}, which has no picture tower that is known here: {', '.join(FAMILIES)} are; "
        "another can be exported to ONNX by its maker's own tools and that file be given"
    )


def _pooling(folder: Path, config: dict[str, Any], family: Family, asked: str | None) -> str:
    known = list(family.poolings)
    if config.get("vision_config", {}).get("vision_use_head") is False:
        known.remove("map")
    if asked is None:
        return known[0]
    if asked not in known:
        raise ExportError(f"{folder} can be pooled by {', '.join(known)}, not by {asked}")
    return asked


def _check_size(folder: Path, config: Any, family: Family, spec: PreprocessSpec) -> None:
    vision = getattr(config, "vision_config", config)
    size: Any = getattr(vision, "image_size", None)
    patch: int = vision.patch_size
    sides = (size, size) if isinstance(size, int) else size
    if not family.any_size and tuple(sides) != (spec.size, spec.size):
        raise ExportError(
            f"{folder}: {CONFIG} takes pictures of {size} pixels, its image processor makes them "
            f"of {spec.size}: these files are not of one model"
        )
    if family.any_size and spec.size % patch:
        raise ExportError(
            f"{folder}: pictures of {spec.size} pixels do not divide into patches of {patch}"
        )


def _load(folder: Path, family: Family) -> Any:
    """Read the weights as float32, and refuse a model of which some are missing."""
    made: type[Any] = getattr(transformers, family.model)
    try:
        with quiet_transformers():
            model, found = made.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation="sdpa",
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **family.options,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as exc:
        raise ExportError(f"{folder} cannot be read as a {family.model}: {_plain(exc)}") from exc
    _check_weights(folder, family, found)
    return model.eval()


def _check_weights(folder: Path, family: Family, found: dict[str, Any]) -> None:
    wrong = [f"{name} is missing" for name in sorted(found["missing_keys"])]
    for name, stored, wanted in sorted(found["mismatched_keys"]):
        wrong.append(f"{name} is {list(stored)} and should be {list(wanted)}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise ExportError(
            f"{folder} holds not the weights that its {CONFIG} describes, a {family.model}: "
            f"{'; '.join(wrong[:3])}{more}"
        )


def _pictures(
    folder: Path,
    model: Any,
    family: Family,
    pooling: str,
    spec: PreprocessSpec,
    normalisation: Normalisation,
) -> PictureSide:
    graph = PictureGraph(Tower(model, family, pooling, spec.size), normalisation)
    try:
        counted = gflops(graph, spec.size)
    except (RuntimeError, ValueError) as exc:
        raise ExportError(
            f"{folder} cannot be run on pictures of {spec.size} pixels: {_plain(exc)}"
        ) from exc
    patch = int(getattr(model.config, "vision_config", model.config).patch_size)
    tokens = (spec.size // patch) ** 2
    return PictureSide(graph=graph, spec=spec, patch=patch, tokens=tokens, gflops=counted)


def _words(folder: Path, model: Any) -> WordSide:
    projection = getattr(model, "text_projection", None) or nn.Identity()
    return read_words(folder, model.text_model, projection)


def _plain(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:300].rstrip(".")
