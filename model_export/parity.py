"""Torch against ONNX on what looks like a catalogue: the figure a bundle carries."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from model_export.bundle import ExportError
from service.core.manifest import Parity, PreprocessSpec
from service.core.preprocess import preprocess
from service.core.types import Pixels
from service.demo.products import products
from service.demo.render import render

BATCHES = (1, 2, 7, 32)
LEAST_COSINE = 0.999
LARGEST_DIFFERENCE = 0.01
"""Of a component or a probability; the heads are held to it alone."""


def sample_pictures(spec: PreprocessSpec, count: int = sum(BATCHES)) -> Pixels:
    """Render demo products and preprocess them: (count, size, size, 3) uint8."""
    return np.stack([preprocess(spec, picture) for picture in _renderings(count)])


@lru_cache(maxsize=1)
def _renderings(count: int) -> list[Image.Image]:
    return [render(p, view=i % 4) for i, p in enumerate(products(count, seed=11))]


def sample_texts(count: int = sum(BATCHES)) -> list[str]:
    """Return titles of demo products."""
    return [product.title for product in products(count, seed=11)]


def measure_parity(
    graph: nn.Module, onnx_file: Path, inputs: NDArray[Any], batches: Sequence[int] = BATCHES
) -> Parity:
    """Run the same inputs through both and compare, over several batch sizes.

    Args:
        graph: The torch side: the embedding, or a tuple of it and the heads' probabilities.
        onnx_file: The exported side, run on the CPU.
        inputs: n pictures or texts, as the graph takes them, split into the batch sizes in turn.
        batches: Sizes to run; their sum must not exceed n.

    Returns:
        The smallest cosine of any embedding and the largest difference of any component of any
        output; NaN where any component is.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3  # it warns of constants that nothing uses
    session = ort.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    cosines, differences, start = [], [], 0
    for size in batches:
        batch = inputs[start : start + size]
        start += size
        with torch.inference_mode():
            made = graph(torch.from_numpy(batch))
        expected = [t.numpy() for t in (made if isinstance(made, tuple) else (made,))]
        got = session.run(None, {given.name: batch})
        cosines.append((expected[0] * got[0]).sum(axis=1).min())
        differences += [np.abs(e - g).max() for e, g in zip(expected, got, strict=True)]
    return Parity(
        images=start,
        min_cosine=round(float(np.min(cosines)), 6),
        max_abs_difference=float(f"{np.max(differences):.2e}"),
    )


def checked(parity: Parity, file: Path, kind: str) -> Parity:
    """Return the figures, or refuse the file.

    Args:
        parity: Of the file.
        file: The exported side.
        kind: Of its inputs: `pictures` or `texts`.

    Raises:
        ExportError: It does not compute what torch computes.
    """
    # Written so that NaN, which compares as neither, is refused too.
    close = parity.max_abs_difference <= LARGEST_DIFFERENCE
    if parity.min_cosine >= LEAST_COSINE and close:
        return parity
    raise ExportError(
        f"{file.name} differs from torch: cosine {parity.min_cosine}, not at least {LEAST_COSINE}, "
        f"over {parity.images} {kind}, or a difference of {parity.max_abs_difference}, not at most "
        f"{LARGEST_DIFFERENCE}; nothing was written"
    )


def worst(parities: Iterable[Parity]) -> Parity:
    """Return the worst figures of several graphs that were given as many inputs each."""
    parities = list(parities)
    return Parity(
        images=min(parity.images for parity in parities),
        min_cosine=min(parity.min_cosine for parity in parities),
        max_abs_difference=max(parity.max_abs_difference for parity in parities),
    )
