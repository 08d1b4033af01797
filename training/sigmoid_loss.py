"""SigLIP's loss between captions and pictures, where a caption may be true of many."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SigmoidLoss(nn.Module):
    """Every pair of a caption and a picture is a yes or no of its own.

    "Sigmoid loss for language image pre-training" (Zhai et al., 2023), equation 1 and algorithm 1:

        -1/|B| sum_i sum_j log sigmoid(z_ij (t x_i . y_j + b)),  z_ij = +1 if i is true of j, or -1

    with t = exp(t') and b learnt from t' = log 10, b = -10. Here a caption is true of many
    pictures, and |B| counts captions; the positives of each weigh 1 together, or captions of one
    common word would be all that is learnt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-10.0))

    def forward(self, texts: Tensor, pictures: Tensor, truth: Tensor) -> Tensor:
        """Return the mean loss of a caption.

        Args:
            texts: (c, dim) float32 of unit length.
            pictures: (p, dim) float32 of unit length.
            truth: (c, p) bool, at least one True a caption.
        """
        logits = self.log_scale.exp() * (texts @ pictures.T) + self.bias
        misses = (F.softplus(-logits) * truth).sum(dim=1) / truth.sum(dim=1)
        false_alarms = (F.softplus(logits) * ~truth).sum(dim=1)
        return (misses + false_alarms).mean()
