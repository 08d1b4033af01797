"""The architectures of `transformers` that are known here, and how each makes one vector.

    pixels -> vision model -> hidden states -> pooled as the family does -> projection?

A family is what `model_type` in a config.json says. Adding one is a line of `FAMILIES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

Pool = Callable[[Any, int], Tensor]
"""(outputs of a vision model, tokens before those of patches) -> (n, width)."""


def _first(outputs: Any, _prefix: int) -> Tensor:
    token: Tensor = outputs.last_hidden_state[:, 0]
    return token


def _mean(outputs: Any, prefix: int) -> Tensor:
    mean: Tensor = outputs.last_hidden_state[:, prefix:].mean(dim=1)
    return mean


def _pooled(outputs: Any, _prefix: int) -> Tensor:
    pooled: Tensor = outputs.pooler_output
    return pooled


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture.

    Attributes:
        model: Its class in `transformers`.
        processor: The image processor it uses where none is named.
        poolings: How to pool, by name; the first is the family's own way.
        prefix: Tokens before those of patches; registers come on top.
        options: For making the model: its poolers that need training are left out.
        any_size: Whether it takes pictures of other sizes than its config's.
        words: Whether it has a text tower, into the space of its first pooling.
    """

    model: str
    processor: str
    poolings: Mapping[str, Pool]
    prefix: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    any_size: bool = False
    words: bool = False


_CLS: Mapping[str, Pool] = {"cls": _first, "gap": _mean}
_MAP: Mapping[str, Pool] = {"map": _pooled, "gap": _mean}
_CLIP: Mapping[str, Pool] = {"projection": _pooled, "cls": _pooled, "gap": _mean}
_BARE = {"add_pooling_layer": False}

FAMILIES: Mapping[str, Family] = {
    "vit": Family("ViTModel", "ViTImageProcessor", _CLS, prefix=1, options=_BARE),
    # Its second token is the one that was distilled.
    "deit": Family("DeiTModel", "DeiTImageProcessor", _CLS, prefix=2, options=_BARE),
    "dinov2": Family("Dinov2Model", "BitImageProcessor", _CLS, prefix=1, any_size=True),
    "dinov2_with_registers": Family(
        "Dinov2WithRegistersModel", "BitImageProcessor", _CLS, prefix=1, any_size=True
    ),
    "dinov3_vit": Family(
        "DINOv3ViTModel", "DINOv3ViTImageProcessor", _CLS, prefix=1, any_size=True
    ),
    "clip": Family("CLIPModel", "CLIPImageProcessor", _CLIP, prefix=1, words=True),
    "siglip": Family("SiglipModel", "SiglipImageProcessor", _MAP, words=True),
    "siglip2": Family("Siglip2Model", "Siglip2ImageProcessor", _MAP, any_size=True, words=True),
    "swin": Family("SwinModel", "ViTImageProcessor", {"gap": _pooled}),
}
POOLINGS = ("cls", "gap", "map", "projection")


class Tower(nn.Module):
    """A vision model, pooled: (n, 3, size, size) float32 -> (n, dim)."""

    def __init__(self, model: Any, family: Family, pooling: str, size: int) -> None:
        """Take the picture side of a model, for pictures of one size."""
        super().__init__()
        config: Any = model.config
        vision = getattr(model, "vision_model", model)
        if config.model_type == "siglip2":
            vision = SquareNaflex(vision, size)
        elif family.any_size and hasattr(vision.embeddings, "interpolate_pos_encoding"):
            settle_positions(vision.embeddings, size)
        self.vision = vision
        self.pool = family.poolings[pooling]
        self.prefix = family.prefix + getattr(config, "num_register_tokens", 0)
        projected = pooling == "projection"
        self.projection = model.visual_projection if projected else nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, size, size) normalised -> (n, dim), of any length."""
        pooled = self.pool(self.vision(pixel_values=pixels), self.prefix)
        projected: Tensor = self.projection(pooled)
        return projected


def settle_positions(embeddings: Any, size: int) -> None:
    """Resize learnt positions once, as the model would for each picture of `size` pixels."""
    with torch.no_grad():
        patches = (size // embeddings.patch_size) ** 2
        tokens = torch.empty(1, patches + 1, embeddings.position_embeddings.shape[-1])
        settled = embeddings.interpolate_pos_encoding(tokens, size, size)
    embeddings.position_embeddings = nn.Parameter(settled)


class SquareNaflex(nn.Module):
    """SigLIP 2's NaFlex vision model, which takes patches of any shape, at one square shape."""

    def __init__(self, vision: Any, size: int) -> None:
        """Take a `Siglip2VisionModel` for pictures of size x size pixels."""
        super().__init__()
        self.patch: int = vision.config.patch_size
        self.grid = size // self.patch
        self.embed = vision.embeddings.patch_embedding
        self.encoder = vision.encoder
        self.norm = vision.post_layernorm
        self.head = vision.head if vision.use_head else None
        learnt = vision.embeddings.position_embedding.weight.detach()
        side = isqrt(len(learnt))
        with torch.no_grad():
            positions = vision.embeddings.resize_positional_embeddings(
                learnt.reshape(side, side, -1),
                torch.tensor([[self.grid, self.grid]]),
                max_length=self.grid**2,
            )
        self.register_buffer("positions", positions)

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        """(n, 3, size, size) -> `last_hidden_state` of its patches, and `pooler_output`."""
        n, channels = pixel_values.shape[:2]
        grid, patch = self.grid, self.patch
        x = pixel_values.reshape(n, channels, grid, patch, grid, patch)
        x = x.permute(0, 2, 4, 3, 5, 1).reshape(n, grid * grid, patch * patch * channels)
        x = self.embed(x) + self.positions
        x = self.encoder(inputs_embeds=x, attention_mask=None).last_hidden_state
        x = self.norm(x)
        pooled = self.head(x) if self.head is not None else None
        return SimpleNamespace(last_hidden_state=x, pooler_output=pooled)
