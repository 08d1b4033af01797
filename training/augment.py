"""A studio photo as a phone might have taken it: random views of a batch of pictures.

    (b, side, side, 3) uint8 -> another background -> crop, turn, perspective, mirror -> blur
    -> light, colour balance -> noise, JPEG -> floats

How far a view is from the studio is drawn for each picture: some are nearly as they were. Torch
operations on whole batches, so that a GPU does them too; JPEG alone is Pillow's. Hue stays: colour
is a label.
"""

import math
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from training.background import replace_background
from training.vit import to_unit_range

_SOFT, _TILTED, _UNEVEN, _COMPRESSED, _MOVED = 0.2, 0.3, 0.3, 0.12, 0.35


def augment(images: Tensor, resolution: int, generator: torch.Generator) -> Tensor:
    """Return one random view of each picture.

    Args:
        images: (b, side, side, 3) uint8.
        resolution: Side of the views in pixels.
        generator: Source of all randomness, on the CPU.

    Returns:
        (b, 3, resolution, resolution) float32, -1..1.
    """
    x = to_unit_range(images)
    x = replace_background(x, _chosen(x, _MOVED, generator), generator)
    if x.shape[-1] >= 2 * resolution:
        # Sampling below half the resolution would alias; average first.
        x = F.avg_pool2d(x, x.shape[-1] // resolution)
    strength = torch.rand(x.shape[0], generator=generator)
    x = _reframe(x, resolution, strength, generator)
    x = _soften(x, _chosen(x, _SOFT, generator))
    x = _relight(x, strength, generator)
    return _compress(x, _chosen(x, _COMPRESSED, generator), generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _chosen(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Row numbers of a random share of the batch, at least none."""
    chosen = torch.rand(x.shape[0], generator=generator) < share
    return chosen.nonzero()[:, 0].to(x.device)


def _reframe(x: Tensor, resolution: int, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Area 30-110 %, aspect 3:4-4:3, turn to 12 degrees, mirror, shift, tilt; edges repeat.

    A picture of strength 0 is but mirrored, and shown with up to a tenth more around it.
    """
    b = x.shape[0]
    scale = (1.10 - strength * _uniform(b, 0, 0.80, generator)).sqrt()
    stretch = (strength * _uniform(b, -1, 1, generator) * 0.5 * math.log(4 / 3)).exp()
    turn = strength * _uniform(b, -1, 1, generator) ** 3 * math.radians(12)
    mirror = torch.where(torch.rand(b, generator=generator) < 0.5, -1.0, 1.0)
    tilted = strength * (torch.rand(b, generator=generator) < _TILTED).float()
    width, height = scale * stretch, scale / stretch
    # A homography: output (x, y, 1) -> input, both in -1..1.
    matrix = torch.zeros(b, 3, 3)
    matrix[:, 0, 0] = mirror * width * turn.cos()
    matrix[:, 0, 1] = -height * turn.sin()
    matrix[:, 1, 0] = mirror * width * turn.sin()
    matrix[:, 1, 1] = height * turn.cos()
    matrix[:, 0, 2] = _uniform(b, -1, 1, generator) * (1 - width).clamp(min=0)
    matrix[:, 1, 2] = _uniform(b, -1, 1, generator) * (1 - height).clamp(min=0)
    matrix[:, 2, 0] = tilted * _uniform(b, -0.2, 0.2, generator)
    matrix[:, 2, 1] = tilted * _uniform(b, -0.2, 0.2, generator)
    matrix[:, 2, 2] = 1.0
    points = F.affine_grid(torch.eye(2, 3)[None], [1, 1, resolution, resolution], False)
    flat = F.pad(points.view(-1, 2), (0, 1), value=1.0)
    mapped = flat @ matrix.transpose(1, 2)
    grid = (mapped[..., :2] / mapped[..., 2:]).view(b, resolution, resolution, 2)
    return F.grid_sample(x, grid.to(x), padding_mode="border", align_corners=False)


def _soften(x: Tensor, rows: Tensor) -> Tensor:
    """Show some pictures as if they had been small: 60x80 catalogues, distant phones."""
    if len(rows):
        side = x.shape[-1]
        small = F.interpolate(x[rows], scale_factor=0.4, mode="area")
        x[rows] = F.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)
    return x


def _relight(x: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Contrast, brightness, colour balance, and for some a light from one side."""
    b, _, h, w = x.shape
    contrast = (1 + strength * _uniform(b, -0.3, 0.2, generator))[:, None, None, None].to(x)
    brightness = (strength * _uniform(b, -0.25, 0.15, generator))[:, None, None, None].to(x)
    balance = 1 + 0.04 * strength[:, None] * torch.randn(b, 3, generator=generator)
    balance = balance[:, :, None, None].to(x)
    uneven = strength * (torch.rand(b, generator=generator) < _UNEVEN).float()
    slope = uneven[:, None] * torch.randn(b, 2, generator=generator) * 0.12
    across = slope[:, :1, None] * torch.linspace(-1, 1, w) + slope[:, 1:, None] * torch.linspace(
        -1, 1, h
    ).view(1, h, 1)
    light = contrast * (1 + across[:, None].to(x))
    return ((x + 1) * balance * light - 1 + brightness).clamp(-1, 1)


def _compress(x: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Add a sensor's noise to some pictures and pass them through JPEG at quality 25-80."""
    if not len(rows):
        return x
    noise = torch.randn(len(rows), *x.shape[1:], generator=generator).to(x) * 0.04
    squares = ((x[rows] + noise + 1) * 127.5).round().clamp(0, 255).byte()
    qualities = torch.randint(25, 81, (len(rows),), generator=generator).tolist()
    decoded = []
    for square, quality in zip(squares.permute(0, 2, 3, 1).cpu().numpy(), qualities, strict=True):
        file = BytesIO()
        Image.fromarray(square).save(file, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(file)))
    x[rows] = to_unit_range(torch.from_numpy(np.stack(decoded))).to(x)
    return x
