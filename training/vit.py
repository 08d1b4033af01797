"""The image tower: a Vision Transformer that runs at several patch sizes.

"Better plain ViT baselines for ImageNet-1k" (Beyer, Zhai, Kolesnikov, 2022): pre-norm blocks,
global average pooling, no class token; before them a stem of convolutions (`training.stem`). Patch
and position embeddings are resized on the fly as in FlexiViT (`training.flexi`), so that one set of
weights trades tokens for time.

    pixels -> stem -> patches -> + positions -> blocks -> norm -> mean over tokens -> linear
    -> unit vector
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.flexi import pi_resize, resize_positions
from training.stem import STRIDE, Stem


@dataclass(frozen=True, slots=True)
class ViTConfig:
    """Shape of the network.

    Attributes:
        width: Of a token.
        depth: Blocks.
        heads: Of attention.
        dim: Width of the embedding that is searched.
        size: Side of the pictures in pixels.
        patch: Side of the patches that the stored weights are for, in pixels.
        grid: Side of the stored grid of positions.
        stem_width: Channels of the stem's features.
        stem_blocks: Residual blocks of the stem.
    """

    width: int = 256
    depth: int = 8
    heads: int = 4
    dim: int = 256
    size: int = 96
    patch: int = 16
    grid: int = 8
    stem_width: int = 64
    stem_blocks: int = 3


class Attention(nn.Module):
    """Multi-head self-attention over (b, n, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, n, width) -> (b, n, width)."""
        b, n, width = x.shape
        size = width // self.heads
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        # Written out: at these few tokens torch's fused kernel trains slower on a CPU.
        scores = (q * size**-0.5) @ k.transpose(-1, -2)
        attended = scores.softmax(dim=-1) @ v
        mixed: Tensor = self.out(attended.transpose(1, 2).reshape(b, n, width))
        return mixed


class Block(nn.Module):
    """Pre-norm attention and MLP, each added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, n, width) -> (b, n, width)."""
        x = x + self.attention(self.norm_attention(x))
        x = x + self.mlp(self.norm_mlp(x))
        return x


class PatchEmbedding(nn.Module):
    """The stem's features to tokens, at any patch size that divides them."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        side, channels = config.patch // STRIDE, config.stem_width
        self.weight = nn.Parameter(torch.empty(config.width, channels, side, side))
        self.bias = nn.Parameter(torch.zeros(config.width))
        positions = sincos_positions(config.grid, config.width)
        self.positions = nn.Parameter(positions.view(config.grid, config.grid, config.width))
        nn.init.trunc_normal_(self.weight, std=(channels * side**2) ** -0.5)

    def forward(self, features: Tensor, side: int) -> Tensor:
        """(b, channels, h, w), features a side of a patch -> (b, tokens, width) with positions."""
        b, channels, h, w = features.shape
        rows, columns = h // side, w // side
        x = features.reshape(b, channels, rows, side, columns, side)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(b, rows * columns, channels * side * side)
        x = F.linear(x, pi_resize(self.weight, side).flatten(1), self.bias)
        return x + resize_positions(self.positions, rows, columns).to(x)


class ViT(nn.Module):
    """Pictures to unit vectors, at any patch size that divides them."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config.stem_width, config.stem_blocks)
        self.embed = PatchEmbedding(config)
        self.blocks = nn.Sequential(
            *(Block(config.width, config.heads) for _ in range(config.depth))
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.dim)
        self.apply(_init_weights)

    def forward(self, pixels: Tensor, patch: int) -> Tensor:
        """(b, 3, h, w) float in -1..1 -> (b, dim) float32, each row of unit length.

        Raises:
            ValueError: h or w is not a multiple of the patch size, or that not one of the stem's
                stride.
        """
        h, w = pixels.shape[2:]
        _require_whole_patches(h, w, patch)
        return self.encode(self.stem(pixels), patch)

    def encode(self, features: Tensor, patch: int) -> Tensor:
        """(b, stem_width, h / 4, w / 4) of the stem -> (b, dim) float32, unit vectors.

        Raises:
            ValueError: As `forward`.
        """
        h, w = features.shape[2:]
        _require_whole_patches(STRIDE * h, STRIDE * w, patch)
        x = self.embed(features, patch // STRIDE)
        x = self.blocks(x)
        x = self.norm(x)
        x = x.mean(dim=1)
        x = self.head(x)
        return F.normalize(x.float(), dim=-1)


def _require_whole_patches(h: int, w: int, patch: int) -> None:
    if patch % STRIDE or h % patch or w % patch:
        raise ValueError(f"pictures of {h}x{w} do not divide into patches of {patch}")


def sincos_positions(grid: int, width: int) -> Tensor:
    """2-D sine-cosine positions, (grid * grid, width) float32: what learning starts from.

    After MoCo v3 (Chen, Xie, He, 2021), section 4: a quarter of the width each for the sine and
    cosine of x and of y.
    """
    if width % 4 or width < 8:
        raise ValueError(f"2-D positions need a width that 4 divides, 8 or more, not {width}")
    y, x = torch.meshgrid(torch.arange(grid) + 0.5, torch.arange(grid) + 0.5, indexing="ij")
    omega = 1.0 / 10_000 ** (torch.arange(width // 4) / (width // 4 - 1))
    y, x = y.reshape(-1, 1) * omega, x.reshape(-1, 1) * omega
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)


def to_unit_range(images: Tensor) -> Tensor:
    """(b, h, w, 3) uint8 -> (b, 3, h, w) float32 in -1..1, what `ViT` takes."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
