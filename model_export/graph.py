"""A torch image tower to one self-contained ONNX graph: uint8 pictures in, unit vectors out."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from training.vit import ViT, to_unit_range

OPSET = 23


class ImageGraph(nn.Module):
    """What the graph computes: normalisation, the tower and the final L2 norm."""

    def __init__(self, tower: ViT) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, images: Tensor) -> Tensor:
        """(n, size, size, 3) uint8 -> (n, dim) float32, each row of unit length."""
        embedding: Tensor = self.tower(to_unit_range(images))
        return embedding


def write_onnx(graph: nn.Module, size: int, path: Path) -> None:
    """Export with a dynamic batch; weights are inside the file.

    Args:
        graph: Takes (n, size, size, 3) uint8.
        size: Side of the pictures.
        path: Of the ONNX file.
    """
    # Exported with two pictures: a batch of one would be baked in as a constant.
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with torch.no_grad(), _quiet_exporter():
        program = torch.onnx.export(
            graph.eval(),
            (example,),
            input_names=["images"],
            output_names=["embedding"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None  # always so with dynamo=True
    program.save(path, external_data=False)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what torch says to itself: operators of an absent torchvision, its own old names."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")
            yield
    finally:
        logger.setLevel(level)


def vit_gflops(tower: ViT, size: int) -> float:
    """Return the multiply-adds of one picture's matrix products, in units of 1e9."""
    config = tower.config
    tokens = (size // config.patch) ** 2
    linear = 12 * config.width**2 * tokens
    attention = 2 * tokens**2 * config.width
    patches = tokens * 3 * config.patch**2 * config.width
    return (config.depth * (linear + attention) + patches + config.width * config.dim) / 1e9
