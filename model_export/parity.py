"""Torch against ONNX on pictures that look like a catalogue's: the figure a bundle carries."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from service.core.manifest import Parity, PreprocessSpec
from service.core.preprocess import preprocess
from service.core.types import Pixels
from service.demo.products import products
from service.demo.render import render

BATCHES = (1, 2, 7, 32)


def sample_pictures(spec: PreprocessSpec, count: int = 42) -> Pixels:
    """Render demo products and preprocess them: (count, size, size, 3) uint8."""
    pictures = [render(p, view=i % 4) for i, p in enumerate(products(count, seed=11))]
    return np.stack([preprocess(spec, picture) for picture in pictures])


def measure_parity(
    graph: nn.Module, onnx_file: Path, images: Pixels, batches: Sequence[int] = BATCHES
) -> Parity:
    """Embed the same pictures with both and compare, over several batch sizes.

    Args:
        graph: The torch side.
        onnx_file: The exported side, run on the CPU.
        images: (n, size, size, 3) uint8, split into the batch sizes in turn.
        batches: Sizes to run; their sum must not exceed n.

    Returns:
        The smallest cosine over all pictures and the largest difference of any component; NaN
        where any component is.
    """
    session = ort.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    cosines, differences, start = [], [], 0
    for size in batches:
        batch = images[start : start + size]
        start += size
        with torch.inference_mode():
            expected = graph(torch.from_numpy(batch)).numpy()
        (got,) = session.run(["embedding"], {"images": batch})
        cosines.append((expected * got).sum(axis=1).min())
        differences.append(np.abs(expected - got).max())
    return Parity(
        images=start,
        min_cosine=round(float(np.min(cosines)), 6),
        max_abs_difference=float(f"{np.max(differences):.2e}"),
    )
