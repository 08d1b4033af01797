"""The export flow for a model made elsewhere: graphs -> files -> parity -> bundle, or nothing.

Weights keep the precision that they came with: what to give up for speed is for a variant to show.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_export.bundle import ExportError, bundle_folder, file_digest, write_manifest
from model_export.export import CARD
from model_export.foreign import Foreign, PictureSide, WordSide
from model_export.graph_files import LARGEST_FILE, save_graph, save_model, weights_beside
from model_export.parity import checked, measure_parity, sample_pictures, sample_texts, worst
from model_export.text import FILE, TOKENIZER
from service.core.manifest import BundleManifest, ImageTower, Parity, TextTower, Tier

IMAGE = "image.onnx"
UNSTATED = "NOASSERTION"
"""The word of SPDX for a licence that nobody named."""


def export_foreign(
    out: Path,
    model: Foreign,
    *,
    name: str | None = None,
    version: str = "1",
    licence: str | None = None,
    card: Path | None = None,
    largest_file: int = LARGEST_FILE,
) -> BundleManifest:
    """Write a model made elsewhere as a bundle folder, whole or not at all.

    Args:
        out: The folder to write; a bundle that is there is replaced.
        model: What to write.
        name: Of the bundle; by default the model's.
        version: Of the bundle.
        licence: Of the weights, an SPDX expression; by default what the model's maker states.
        card: A model card, which becomes the bundle's `README.md`.
        largest_file: Bytes of weights above which they go beside the graph.

    Returns:
        The manifest written.

    Raises:
        ExportError: A graph does not compute what the model computes, or `out` is not a bundle's.
    """
    if card and not card.is_file():
        raise ExportError(f"no model card at {card}")
    with bundle_folder(out) as folder:
        image, dim, parity = _write_pictures(model.pictures, folder, largest_file)
        text, parities = None, [parity]
        if model.words:
            text, text_dim, text_parity = _write_words(model.words, folder, largest_file)
            parities.append(text_parity)
            _check_space(dim, text_dim)
        manifest = BundleManifest(
            name=name or model.name,
            version=version,
            licence=licence or model.licence or UNSTATED,
            dim=dim,
            image=image,
            preprocess=model.pictures.spec,
            files={file.name: file_digest(file) for file in sorted(folder.iterdir())},
            text=text,
            parity=worst(parities),
        )
        write_manifest(folder, manifest)
        if card:
            shutil.copyfile(card, folder / CARD)
    return manifest


def _write_pictures(
    side: PictureSide, folder: Path, largest_file: int
) -> tuple[ImageTower, int, Parity]:
    spec, file = side.spec, folder / IMAGE
    if side.model is None:
        example = torch.zeros((2, spec.size, spec.size, 3), dtype=torch.uint8)
        save_graph(side.graph, example, "images", file, largest_file)
    else:
        save_model(side.model, file, largest_file)
    dim, parity = _measured(side.graph, file, sample_pictures(spec), "pictures")
    tier = Tier(name="best", file=IMAGE, patch=side.patch, tokens=side.tokens, gflops=side.gflops)
    weights = weights_beside(file)
    beside = weights.name if weights.exists() else None
    return ImageTower(tiers=(tier,), weights=beside), dim, parity


def _write_words(side: WordSide, folder: Path, largest_file: int) -> tuple[TextTower, int, Parity]:
    file = folder / FILE
    example = torch.ones((2, side.max_length), dtype=torch.int64)
    save_graph(side.graph, example, "tokens", file, largest_file)
    side.tokenizer.save(str(folder / TOKENIZER))
    encodings = side.tokenizer.encode_batch(sample_texts())
    tokens = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    dim, parity = _measured(side.graph, file, tokens, "texts")
    return TextTower(file=FILE, tokenizer=TOKENIZER, max_length=side.max_length), dim, parity


def _measured(graph: nn.Module, file: Path, inputs: NDArray[Any], kind: str) -> tuple[int, Parity]:
    """Return the width of the embedding, and how near the file is to what it was made from."""
    parity = checked(measure_parity(graph, file, inputs), file, kind)
    with torch.inference_mode():
        dim = int(graph(torch.from_numpy(inputs[:1])).shape[1])
    return dim, parity


def _check_space(dim: int, text_dim: int) -> None:
    if text_dim != dim:
        raise ExportError(
            f"the text tower embeds into {text_dim} dimensions, the picture tower into {dim}: "
            "choose another --pooling, or leave words out with --pictures-only"
        )
