"""Pictures through a trained tower: what text learns from and what probabilities are fitted on.

corpus rows -> the size a query has -> tower at its best patch size -> (n, dim) unit vectors
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training.checkpoint import Checkpoint
from training.corpus import Corpus
from training.vit import ViT, to_unit_range

View = Callable[[Tensor, int], Tensor]
"""(b, side, side, 3) uint8 and a size -> (b, 3, size, size) float32 in -1..1."""

_BATCH = 128


def load_tower(checkpoint: Checkpoint) -> ViT:
    """Return the tower of a run, its averaged weights, ready to embed."""
    tower = ViT(checkpoint.config.model)
    tower.load_state_dict(checkpoint.ema)
    return tower.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def plain_view(images: Tensor, size: int) -> Tensor:
    """Resize, nothing else."""
    x = to_unit_range(images)
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1)


def embed_rows(
    tower: ViT,
    patch: int,
    corpus: Corpus,
    rows: Sequence[int] | NDArray[np.int64],
    view: View = plain_view,
) -> NDArray[np.float32]:
    """Embed some rows of a corpus.

    Args:
        tower: The network.
        patch: Patch size to embed at.
        corpus: Decoded source.
        rows: Which of its pictures.
        view: How a picture is shown to the network.

    Returns:
        (len(rows), dim) unit vectors.
    """
    device = next(tower.parameters()).device
    numbers = np.asarray(rows, dtype=np.int64)
    vectors = [np.empty((0, tower.config.dim), np.float32)]
    for start in range(0, len(numbers), _BATCH):
        images = torch.from_numpy(corpus.pixels[numbers[start : start + _BATCH]])
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            embedded = tower(view(images.to(device), tower.config.size), patch)
        vectors.append(embedded.float().cpu().numpy())
    return np.concatenate(vectors)
