"""The image tower: a plain Vision Transformer with one linear head into the embedding space.

"Better plain ViT baselines for ImageNet-1k" (Beyer, Zhai, Kolesnikov, 2022): fixed 2-D sine-cosine
positions, pre-norm blocks, global average pooling, no class token.

    pixels -> patches -> + positions -> blocks -> norm -> mean over tokens -> linear -> unit vector
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Positions are measured on a grid of this many cells whatever the resolution, so that a network
# grown from few tokens to many keeps the meaning of "upper left".
_POSITION_CELLS = 8.0


@dataclass(frozen=True, slots=True)
class ViTConfig:
    """Shape of the network; `dim` is the width of the embedding that is searched."""

    width: int = 256
    depth: int = 8
    heads: int = 4
    patch: int = 16
    dim: int = 256


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
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v)
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


class ViT(nn.Module):
    """Pictures of any resolution divisible by the patch size to unit vectors."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Conv2d(3, config.width, kernel_size=config.patch, stride=config.patch)
        self.blocks = nn.Sequential(
            *(Block(config.width, config.heads) for _ in range(config.depth))
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.dim)
        self.apply(_init_weights)

    def forward(self, pixels: Tensor) -> Tensor:
        """(b, 3, h, w) float in -1..1 -> (b, dim) float32, each row of unit length.

        Raises:
            ValueError: h or w is not a multiple of the patch size.
        """
        patch, (h, w) = self.config.patch, pixels.shape[2:]
        if h % patch or w % patch:
            raise ValueError(f"pictures of {h}x{w} do not divide into patches of {patch}")
        x = self.embed(pixels)
        _, width, rows, columns = x.shape
        x = x.flatten(2).transpose(1, 2)
        x = x + sincos_positions(rows, columns, width).to(x)
        x = self.blocks(x)
        x = self.norm(x)
        x = x.mean(dim=1)
        x = self.head(x)
        return F.normalize(x.float(), dim=-1)


def sincos_positions(rows: int, columns: int, width: int) -> Tensor:
    """Fixed 2-D sine-cosine positions, (rows * columns, width) float32.

    After MoCo v3 (Chen, Xie, He, 2021), section 4: a quarter of the width each for the sine and
    cosine of x and of y. Coordinates are cell centres on a grid of constant extent.
    """
    if width % 4 or width < 8:
        raise ValueError(f"2-D positions need a width that 4 divides, 8 or more, not {width}")
    y, x = torch.meshgrid(
        (torch.arange(rows) + 0.5) * (_POSITION_CELLS / rows),
        (torch.arange(columns) + 0.5) * (_POSITION_CELLS / columns),
        indexing="ij",
    )
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
    elif isinstance(module, nn.Conv2d):
        fan_in = module.weight[0].numel()
        nn.init.trunc_normal_(module.weight, std=fan_in**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
