"""Studio photos before other backgrounds: white that reaches the border is replaced.

    picture -> near-white seen from an edge -> soft mask -> another picture's surface, or a gradient

So that what a street or a shelf photo shows behind a product is nothing to go by.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_WHITE = 0.8  # on the scale -1..1
_LEAST, _MOST = 0.15, 0.95  # share of background: below it is no studio photo, above no product


def studio_mask(x: Tensor) -> Tensor:
    """Find the near-white that can be seen in a straight line from the picture's edge.

    Args:
        x: (b, 3, h, w) in -1..1.

    Returns:
        (b, 1, h, w) float, 1 where it is background; all 0 where there is too little or too much.
    """
    white = (x.amin(dim=1, keepdim=True) > _WHITE).float()
    mask = torch.zeros_like(white)
    for dim in (2, 3):
        mask = torch.maximum(mask, white.cumprod(dim))
        mask = torch.maximum(mask, white.flip(dim).cumprod(dim).flip(dim))
    share = mask.mean(dim=(1, 2, 3), keepdim=True)
    return mask * ((share > _LEAST) & (share < _MOST))


def replace_background(x: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Put the studio photos among the rows before something else.

    Half get an enlarged, blurred part of another picture of the batch, half a plain gradient.

    Args:
        x: (b, 3, h, w) in -1..1, changed in place.
        rows: Numbers of the pictures to change.
        generator: Source of randomness, on the CPU.

    Returns:
        x.
    """
    if not len(rows):
        return x
    mask = F.avg_pool2d(studio_mask(x[rows]), 3, stride=1, padding=1)
    other = torch.randint(x.shape[0], (len(rows),), generator=generator).to(x.device)
    plain = (torch.rand(len(rows), generator=generator) < 0.5).to(x.device)[:, None, None, None]
    surface = torch.where(plain, _gradient(x, len(rows), generator), _enlarged(x[other]))
    x[rows] = mask * surface + (1 - mask) * x[rows]
    return x


def _enlarged(x: Tensor) -> Tensor:
    """The middle ninth of each picture, enlarged to the whole: a surface out of focus."""
    h, w = x.shape[2:]
    middle = x[:, :, h // 3 : h - h // 3, w // 3 : w - w // 3]
    return F.interpolate(middle, size=(h, w), mode="bilinear", align_corners=False)


def _gradient(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Four random corners of muted colour, blended."""
    corners = torch.randn(count, 1, 2, 2, generator=generator) * 0.35
    corners = corners + torch.randn(count, 3, 1, 1, generator=generator) * 0.3
    smooth = F.interpolate(corners, size=x.shape[2:], mode="bilinear", align_corners=True)
    return smooth.clamp(-1, 1).to(x)
