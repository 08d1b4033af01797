"""Random views of a batch, as torch operations on whole batches so that a GPU does them too.

    (b, side, side, 3) uint8 -> crop, mirror, turn, squeeze -> light, colour balance, blur -> floats

Hue stays: colour is a label.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from training.vit import to_unit_range


def augment(images: Tensor, resolution: int, generator: torch.Generator) -> Tensor:
    """Return one random view of each picture.

    Args:
        images: (b, side, side, 3) uint8.
        resolution: Side of the views in pixels.
        generator: Source of all randomness, on the CPU.

    Returns:
        (b, 3, resolution, resolution) float32, about -1..1.
    """
    x = to_unit_range(images)
    if x.shape[-1] >= 2 * resolution:
        # Sampling below half the resolution would alias; average first.
        x = F.avg_pool2d(x, x.shape[-1] // resolution)
    x = _crop(x, resolution, generator)
    x = _soften(x, generator)
    return _relight(x, generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _crop(x: Tensor, resolution: int, generator: torch.Generator) -> Tensor:
    """Random area 30-110 %, aspect 3:4-4:3, turn to 12 degrees, mirror, shift; edges repeat."""
    b = x.shape[0]
    scale = _uniform(b, 0.30, 1.10, generator).sqrt()
    stretch = (_uniform(b, -1, 1, generator) * 0.5 * math.log(4 / 3)).exp()
    turn = _uniform(b, -1, 1, generator) ** 3 * math.radians(12)
    mirror = torch.where(torch.rand(b, generator=generator) < 0.5, -1.0, 1.0)
    width, height = scale * stretch, scale / stretch
    matrix = torch.zeros(b, 2, 3)
    matrix[:, 0, 0] = mirror * width * turn.cos()
    matrix[:, 0, 1] = -height * turn.sin()
    matrix[:, 1, 0] = mirror * width * turn.sin()
    matrix[:, 1, 1] = height * turn.cos()
    matrix[:, 0, 2] = _uniform(b, -1, 1, generator) * (1 - width).clamp(min=0)
    matrix[:, 1, 2] = _uniform(b, -1, 1, generator) * (1 - height).clamp(min=0)
    grid = F.affine_grid(matrix.to(x), [b, 3, resolution, resolution], align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _soften(x: Tensor, generator: torch.Generator) -> Tensor:
    """Show a fifth of the pictures as if they had been small: 60x80 catalogues, distant phones."""
    soft = (torch.rand(x.shape[0], generator=generator) < 0.2).to(x.device)
    side = x.shape[-1]
    small = F.interpolate(x, scale_factor=0.4, mode="area")
    blurred = F.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)
    return torch.where(soft[:, None, None, None], blurred, x)


def _relight(x: Tensor, generator: torch.Generator) -> Tensor:
    b = x.shape[0]
    contrast = _uniform(b, 0.7, 1.2, generator)[:, None, None, None].to(x)
    brightness = _uniform(b, -0.25, 0.15, generator)[:, None, None, None].to(x)
    balance = (1 + 0.04 * torch.randn(b, 3, generator=generator))[:, :, None, None].to(x)
    return ((x + 1) * balance * contrast - 1 + brightness).clamp(-1, 1)
