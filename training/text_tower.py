"""The text tower: a small pre-norm transformer from token ids into the images' space.

    ids -> embedding + positions -> blocks -> norm -> mean over words -> linear -> unit vector

It is trained against a locked image tower (`training.lit`), so it is small: what it has to know is
the vocabulary of one shop.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.tokenizer import PAD

# Finite, so that a row of nothing but padding stays a number, and within the range of fp16.
_MASKED = -1e4


@dataclass(frozen=True, slots=True)
class TextConfig:
    """Shape of the network.

    Attributes:
        vocab: Token ids at most.
        width: Of the residual stream.
        depth: Blocks.
        heads: Of each block's attention.
        max_length: Tokens of a text at most.
        dim: Of the embedding: the image tower's.
    """

    vocab: int = 4096
    width: int = 192
    depth: int = 2
    heads: int = 3
    max_length: int = 32
    dim: int = 256


class TextBlock(nn.Module):
    """Pre-norm attention and MLP over (b, n, width), padding left out of the attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        """(b, n, width) and (b, n) bool, True where padded -> (b, n, width)."""
        x = x + self._attend(self.norm_attention(x), padding)
        x = x + self.mlp(self.norm_mlp(x))
        return x

    def _attend(self, x: Tensor, padding: Tensor) -> Tensor:
        # Written out: on a CPU its backward is faster than that of the fused kernel with a mask.
        b, n, width = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) * (width // self.heads) ** -0.5
        scores = scores.masked_fill(padding[:, None, None, :], _MASKED)
        attended = scores.softmax(dim=-1).to(v.dtype) @ v
        mixed: Tensor = self.out(attended.transpose(1, 2).reshape(b, n, width))
        return mixed


class TextTower(nn.Module):
    """Token ids to unit vectors."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        self.positions = nn.Parameter(torch.empty(config.max_length, config.width))
        self.blocks = nn.ModuleList(
            TextBlock(config.width, config.heads) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.dim)
        self.apply(_init_weights)
        nn.init.normal_(self.positions, std=0.01)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n) int64, n <= max_length, padded by 0 -> (b, dim) float32 of unit length.

        Padding changes nothing: a text may come at its own length or at any greater one.
        """
        b, n = tokens.shape
        padding = tokens == PAD
        # Not self.embed(tokens): an exporter names the value after the operator, and the graph's
        # output is called "embedding" too.
        x = self.embed.weight.index_select(0, tokens.flatten()).view(b, n, -1)
        x = x + self.positions[:n]
        for block in self.blocks:
            x = block(x, padding)
        x = self.norm(x)
        words = (~padding).to(x.dtype)[:, :, None]
        x = (x * words).sum(dim=1) / words.sum(dim=1).clamp(min=1)
        x = self.head(x)
        return F.normalize(x.float(), dim=-1)


def _init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
