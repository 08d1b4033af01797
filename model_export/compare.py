"""Two bundles on one sample of a shop's pictures: what they find, how fast, at what size.

BUNDLE[#TIER] -> Side;  Sample -> vectors of both -> neighbours -> P@1, overlap, differences
Side -> images a second, in alternating rounds -> Comparison
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.bundle import ExportError
from model_export.differences import Differences, find_differences
from model_export.retrieval import common, has_pairs, nearest, right_at_1
from model_export.sample import Sample
from model_export.speed import images_per_second
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.tasks import Item
from service.core.types import Encoder, Pixels, Vectors
from service.pipeline.evaluate import decoded_batches, embed_items

NEIGHBOURS = 10
BATCHES = (1, 8)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two.

    Attributes:
        name: As tables and pages call it: the folder's name and the tier's.
    """

    name: str
    folder: Path
    encoder: OnnxEncoder


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side is worth.

    Attributes:
        p1: Share of pictures whose nearest has their label; None without labels.
        images_per_second: Of the encoder alone, for each batch size of `BATCHES`.
        tier_megabytes: Of the graph and the weights it reads.
        bundle_megabytes: Of all the bundle's files.
    """

    p1: float | None
    images_per_second: tuple[float, ...]
    tier_megabytes: float
    bundle_megabytes: float


@dataclass(frozen=True, slots=True)
class Change:
    """P@1 of B less that of A over the same pictures, and the 95 % margin of error; 0..1."""

    value: float
    margin: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, A first, on one sample.

    Attributes:
        asked: Pictures that P@1 is over.
        neighbours: The k of `overlap`.
        overlap: Mean share of the k nearest that both found, 0..1.
        p1_change: None without labels.
    """

    sides: tuple[Side, Side]
    figures: tuple[Figures, Figures]
    pictures: int
    asked: int
    neighbours: int
    overlap: float
    p1_change: Change | None
    differences: Differences


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


def compare(sides: tuple[Side, Side], sample: Sample, *, rounds: int = 10) -> Comparison:
    """Measure both sides on the sample.

    Args:
        sides: A and B.
        sample: At least two pictures.
        rounds: Turns of each side when they are timed.

    Raises:
        ExportError: The sample is too small.
    """
    n = len(sample.images)
    if n < 2:
        raise ExportError("one picture has no neighbours: take a larger sample")
    vectors = (embed(sample.images, sides[0].encoder), embed(sample.images, sides[1].encoder))
    k = min(NEIGHBOURS, n - 1)
    found = (nearest(vectors[0], k), nearest(vectors[1], k))
    right = [right_at_1(v, sample.labels) for v in vectors] if has_pairs(sample.labels) else []
    rates = [_rates(sides, sample, batch, rounds) for batch in BATCHES]
    figures = [
        Figures(
            p1=float(right[i].mean()) if right else None,
            images_per_second=tuple(rate[i] for rate in rates),
            tier_megabytes=_megabytes(side, _tier_files(side)),
            bundle_megabytes=_megabytes(side, [*side.encoder.manifest.files, "bundle.json"]),
        )
        for i, side in enumerate(sides)
    ]
    return Comparison(
        sides=sides,
        figures=(figures[0], figures[1]),
        pictures=n,
        asked=len(right[0]) if right else 0,
        neighbours=k,
        overlap=float(common(*found).mean() / k),
        p1_change=_change(right[0], right[1]) if right else None,
        differences=find_differences(vectors, found, sample.labels),
    )


def embed(images: Sequence[bytes], encoder: Encoder) -> Vectors:
    """Embed encoded pictures, which can all be decoded: (n, dim) float32 of unit length."""
    items = (Item(str(number), data, ()) for number, data in enumerate(images))
    return embed_items(items, encoder)[1]


def _rates(
    sides: tuple[Side, Side], sample: Sample, batch: int, rounds: int
) -> tuple[float, float]:
    # A sample smaller than the batch is gone through again.
    images = [sample.images[i % len(sample.images)] for i in range(batch)]

    def run(side: Side, pixels: Pixels) -> None:
        side.encoder.encode(pixels)

    inputs = [_pixels(images, side.encoder) for side in sides]
    runs = {
        "a": lambda: run(sides[0], inputs[0]),
        "b": lambda: run(sides[1], inputs[1]),
    }
    rates = images_per_second(runs, batch, rounds)
    return rates["a"], rates["b"]


def _pixels(images: Sequence[bytes], encoder: Encoder) -> Pixels:
    items = (Item("", data, ()) for data in images)
    return np.concatenate([p for _, p in decoded_batches(items, encoder.manifest.preprocess)])


def _change(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> Change:
    gains = right_b.astype(np.float64) - right_a.astype(np.float64)
    return Change(float(gains.mean()), float(1.96 * gains.std() / np.sqrt(len(gains))))


def _tier_files(side: Side) -> list[str]:
    weights = side.encoder.manifest.image.weights
    return [side.encoder.tier.file, *([weights] if weights else [])]


def _megabytes(side: Side, files: Sequence[str]) -> float:
    return sum((side.folder / file).stat().st_size for file in files) / 1e6
