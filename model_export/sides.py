"""What is held against what: `BUNDLE` or `BUNDLE#TIER` -> Side -> vectors, pixels, sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from service.adapters.onnx_encoder import OnnxEncoder
from service.core.tasks import Item
from service.core.types import Encoder, Pixels, Vectors
from service.pipeline.evaluate import decoded_batches, embed_items


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two.

    Attributes:
        name: As tables and pages call it: the folder's name and the tier's.
    """

    name: str
    folder: Path
    encoder: OnnxEncoder


def open_side(text: str) -> Side:
    """Open `BUNDLE` or `BUNDLE#TIER`.

    Raises:
        BundleError: There is no such bundle or tier, or the bundle is damaged.
    """
    path, mark, tier = text.rpartition("#")
    if not mark or Path(text).is_dir():
        path, tier = text, ""
    folder = Path(path)
    # Two sessions share the cores here, and threads that spin would take the other's.
    encoder = OnnxEncoder(folder, tier=tier or None, spinning=False)
    shown = encoder.tier.name or encoder.tier.file
    return Side(f"{folder.resolve().name}#{shown}", folder, encoder)


def embed(images: Sequence[bytes], encoder: Encoder) -> Vectors:
    """Embed encoded pictures, which can all be decoded: (n, dim) float32 of unit length."""
    items = (Item(str(number), data, ()) for number, data in enumerate(images))
    return embed_items(items, encoder)[1]


def pixels_for(images: Sequence[bytes], encoder: Encoder) -> Pixels:
    """Bring encoded pictures, which can all be decoded, to an encoder's (n, size, size, 3)."""
    items = (Item("", data, ()) for data in images)
    return np.concatenate([p for _, p in decoded_batches(items, encoder.manifest.preprocess)])


def tier_megabytes(side: Side) -> float:
    """Return the size of the graph and of the weights it reads."""
    file = side.encoder.tier.file
    graph = onnx.load(side.folder / file, load_external_data=False).graph
    beside = {
        entry.value
        for tensor in graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return _megabytes(side, [file, *sorted(beside)])


def bundle_megabytes(side: Side) -> float:
    """Return the size of all the bundle's files."""
    return _megabytes(side, [*side.encoder.manifest.files, "bundle.json"])


def _megabytes(side: Side, files: Sequence[str]) -> float:
    return sum((side.folder / file).stat().st_size for file in files) / 1e6
