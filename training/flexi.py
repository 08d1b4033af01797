"""One set of weights at many patch sizes: how patch and position embeddings change theirs.

"FlexiViT: One model for all patch sizes" (Beyer et al., 2023), sections 3.3 and 3.4. A picture
keeps its resolution; the patch size alone decides how many tokens it becomes.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F


@lru_cache(maxsize=32)
def resize_matrix(old: int, new: int) -> Tensor:
    """Return the matrix of a bilinear resize from old x old to new x new pixels.

    Returns:
        (new * new, old * old) float32, B with `resize(x) = B x` for a flattened x.
    """
    with torch.inference_mode(False):  # remembered, so it must serve training too
        basis = torch.eye(old * old).view(old * old, 1, old, old)
        resized = F.interpolate(basis, size=(new, new), mode="bilinear", antialias=True)
        return resized.view(old * old, new * new).T.contiguous()


@lru_cache(maxsize=32)
def pi_resize_matrix(old: int, new: int) -> Tensor:
    """Return the pseudo-inverse (B^T)^+ that resizes patch-embedding weights, paper's equation 4.

    For new >= old, resizing a patch by B and the weights by (B^T)^+ leaves their product as it was;
    below, it is the weights' best approximation over patches of white noise.

    Returns:
        (new * new, old * old) float32.
    """
    with torch.inference_mode(False):  # remembered, so it must serve training too
        # In double precision: the pseudo-inverse of a smoothing matrix is badly conditioned.
        inverse: Tensor = torch.linalg.pinv(resize_matrix(old, new).T.double())
        return inverse.float()


def pi_resize(weight: Tensor, new: int) -> Tensor:
    """Resize patch-embedding weights to another patch size.

    Args:
        weight: (width, channels, old, old).
        new: Side of the patches in pixels.

    Returns:
        (width, channels, new, new).
    """
    width, channels, old, _ = weight.shape
    if new == old:
        return weight
    matrix = pi_resize_matrix(old, new).to(weight)
    return (weight.flatten(2) @ matrix.T).view(width, channels, new, new)


def resize_positions(positions: Tensor, rows: int, columns: int) -> Tensor:
    """Resample a grid of position embeddings bilinearly.

    Args:
        positions: (grid, grid, width).
        rows: Of tokens.
        columns: Of tokens.

    Returns:
        (rows * columns, width).
    """
    grid = positions.permute(2, 0, 1)[None]
    if grid.shape[2:] != (rows, columns):
        grid = F.interpolate(grid, size=(rows, columns), mode="bilinear", antialias=True)
    return grid[0].flatten(1).T
