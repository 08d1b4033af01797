"""Convolutions that look at a picture before it is cut into patches.

"Early Convolutions Help Transformers See Better" (Xiao et al., 2021): a few 3x3 convolutions in
place of the one wide linear map of a plain ViT learn from far fewer pictures. Every patch size is
cut from the same features, so what they cost is paid once, whatever the number of tokens.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDE = 4
"""Pixels of the picture a side of a feature spans."""


class Stem(nn.Module):
    """Pictures to features at a quarter of their resolution."""

    def __init__(self, width: int, blocks: int) -> None:
        """Make random convolutions.

        Args:
            width: Channels of the features.
            blocks: Residual blocks after the two convolutions that halve the resolution each.
        """
        super().__init__()
        self.reduce = nn.Sequential(
            ConvNorm(3, width // 2, stride=2),
            nn.ReLU(),
            ConvNorm(width // 2, width, stride=2),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.width = width

    def multiply_adds(self, size: int) -> int:
        """Return how many one picture of size x size pixels takes."""
        half, quarter, width = (size // 2) ** 2, (size // 4) ** 2, self.width
        reduced = half * 27 * (width // 2) + quarter * 9 * (width // 2) * width
        return reduced + len(self.blocks) * 2 * quarter * 9 * width**2

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, h, w) -> (b, width, h / 4, w / 4)."""
        x = pixels.contiguous(memory_format=torch.channels_last)
        x = self.reduce(x)
        features: Tensor = self.blocks(x)
        return features


class ConvNorm(nn.Module):
    """A 3x3 convolution and a batch normalisation."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        # A matrix of a row per output channel: what Muon makes orthogonal.
        self.weight = nn.Parameter(torch.randn(width, channels * 9) * (channels * 9 / 2) ** -0.5)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, h, w) -> (b, width, h / stride, w / stride)."""
        kernel = self.weight.view(-1, self.channels, 3, 3)
        normed: Tensor = self.norm(F.conv2d(x, kernel, stride=self.stride, padding=1))
        return normed

    def folded(self) -> nn.Conv2d:
        """Return the one convolution that both amount to once nothing is learnt any more."""
        norm = self.norm
        plain = nn.Conv2d(self.channels, norm.num_features, 3, self.stride, padding=1, bias=False)
        plain.load_state_dict({"weight": self.weight.view_as(plain.weight)})
        return fuse_conv_bn_eval(plain.eval(), norm.eval())


def fold_norms(module: nn.Module) -> None:
    """Put one convolution in the place of each `ConvNorm` within a module."""
    for name, child in module.named_children():
        if isinstance(child, ConvNorm):
            setattr(module, name, child.folded())
        else:
            fold_norms(child)


class ResidualBlock(nn.Module):
    """Two convolutions, added to their input ("Deep Residual Learning", He et al., 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = ConvNorm(width, width), ConvNorm(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, width, h, w) -> (b, width, h, w)."""
        return F.relu(x + self.second(F.relu(self.first(x))))
