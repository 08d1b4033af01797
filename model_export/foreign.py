"""A model made elsewhere, as the graphs that the service runs.

    uint8 pictures -> range, mean, deviation -> tower -> unit vectors     (`PictureGraph`)
    token ids      -> tower -> unit vectors                               (`WordGraph`)

`model_export.sources` reads such models; `model_export.export_source` writes them.
"""

from dataclasses import dataclass

import torch
from onnx import ModelProto
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from service.core.manifest import PreprocessSpec


@dataclass(frozen=True, slots=True)
class Normalisation:
    """From uint8 to what a tower takes: (pixel * scale + offset - mean) / deviation.

    Attributes:
        mean: Of each channel, in the tower's own order.
        std: Of each channel.
        scale: Of the whole range: 1 / 255 makes it one wide.
        offset: Where the range begins.
        reverse: Whether the tower takes blue first.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    scale: float = 1 / 255
    offset: float = 0.0
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class PictureSide:
    """The picture tower.

    Attributes:
        graph: What it computes: (n, size, size, 3) uint8 -> (n, dim) float32 of unit length.
        spec: How a picture becomes its input.
        patch: Side of a patch in pixels, if known.
        tokens: A picture makes, if known.
        gflops: Multiply-adds of one picture in units of 1e9, if known.
        model: The ONNX graph, where there is one already; else `graph` is exported.
    """

    graph: nn.Module
    spec: PreprocessSpec
    patch: int | None = None
    tokens: int | None = None
    gflops: float | None = None
    model: ModelProto | None = None


@dataclass(frozen=True, slots=True)
class WordSide:
    """The text tower.

    Attributes:
        graph: (n, max_length) int64 ids -> (n, dim) float32 of unit length, in the pictures' space.
        tokenizer: Which makes `max_length` ids of any text.
        max_length: Of a text in tokens.
    """

    graph: nn.Module
    tokenizer: Tokenizer
    max_length: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """A model made elsewhere.

    Attributes:
        name: What its maker calls it.
        licence: Of the weights as its maker states it, if so.
        pictures: The picture tower.
        words: The text tower, if it has one.
    """

    name: str
    licence: str | None
    pictures: PictureSide
    words: WordSide | None = None


class PictureGraph(nn.Module):
    """uint8 pictures to unit vectors, through a tower that takes normalised float32 NCHW."""

    gain: Tensor
    shift: Tensor

    def __init__(self, tower: nn.Module, normalisation: Normalisation) -> None:
        """Wrap a tower: (n, 3, size, size) float32 -> (n, dim)."""
        super().__init__()
        self.tower = tower
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (normalisation.mean, normalisation.std))
        self.register_buffer("gain", normalisation.scale / std)
        self.register_buffer("shift", (normalisation.offset - mean) / std)
        self.reverse = normalisation.reverse
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """(n, size, size, 3) uint8 -> (n, dim) float32 of unit length."""
        pixels = images.permute(0, 3, 1, 2).float()
        if self.reverse:
            pixels = pixels.flip(1)
        return F.normalize(self.tower(pixels * self.gain + self.shift).float(), dim=-1)


class WordGraph(nn.Module):
    """Token ids to unit vectors, through a text model and a projection into the shared space."""

    def __init__(self, text_model: nn.Module, projection: nn.Module) -> None:
        """Wrap a text model of `transformers`, whose `pooler_output` is projected."""
        super().__init__()
        self.text_model = text_model
        self.projection = projection
        self.eval()

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, max_length) int64 -> (n, dim) float32 of unit length."""
        pooled = self.text_model(input_ids=tokens).pooler_output
        return F.normalize(self.projection(pooled).float(), dim=-1)


def gflops(graph: nn.Module, size: int) -> float:
    """Return the multiply-adds of one picture's products and convolutions, in units of 1e9."""
    one = torch.zeros((1, size, size, 3), dtype=torch.uint8)
    # The fused kernels for CPUs are ones that torch does not count.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        graph(one)
    operations: int = counter.get_total_flops()
    return round(operations / 2e9, 6)
