"""A torch tower to an ONNX graph: uint8 pictures in, unit vectors and class probabilities out.

ViT -> tower at one patch size -> + heads (`TierGraph`) -> ONNX model, no longer of this machine
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.nn import functional as F

from model_export.bundle import ExportError
from model_export.quiet import quiet_loggers
from training.flexi import pi_resize, resize_positions
from training.stem import STRIDE, fold_norms
from training.vit import ViT, to_unit_range

OPSET = 23


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """A classifier of the embedding: how near it is to a learnt direction of each class.

    Attributes:
        name: What it tells, such as `colour`; its output is `head_<name>`.
        labels: Of the classes.
        proxies: (classes, dim), of any length: their directions count.
        temperature: Divides the cosines before the softmax.
    """

    name: str
    labels: tuple[str, ...]
    proxies: Tensor
    temperature: float

    @property
    def output(self) -> str:
        """Name of the graph's output."""
        return f"head_{self.name}"


class TierGraph(nn.Module):
    """What a graph computes: normalisation, the tower at one patch size, L2 norm and the heads."""

    def __init__(self, tower: ViT, patch: int, heads: Sequence[HeadWeights] = ()) -> None:
        """Resize the tower for one patch size.

        Raises:
            ExportError: The patch size or a head does not fit the tower.
        """
        super().__init__()
        self.patch = patch
        self.tower = tower_at(tower, patch)
        self.classifiers = nn.ModuleList(_classifier(head, tower.config.dim) for head in heads)
        self.outputs = ("embedding", *(head.output for head in heads))
        round_to_half(self)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(n, size, size, 3) uint8 -> (n, dim) of unit length, and for each head (n, classes)."""
        embedding: Tensor = self.tower(to_unit_range(images), self.patch)
        return embedding, *(head(embedding).softmax(dim=-1) for head in self.classifiers)


def tower_at(tower: ViT, patch: int) -> ViT:
    """Return a tower whose stored weights are for this patch size, so that none are resized.

    Its normalisations are part of its convolutions.

    Raises:
        ExportError: The pictures do not divide into such patches.
    """
    size = tower.config.size
    if patch < 1 or size % patch or patch % STRIDE:
        raise ExportError(
            f"pictures of {size}x{size} do not divide into patches of {patch}: a patch is a "
            f"multiple of {STRIDE} pixels that divides {size}"
        )
    grid = size // patch
    fixed = ViT(replace(tower.config, patch=patch, grid=grid))
    state = tower.state_dict()
    positions = resize_positions(state["embed.positions"], grid, grid)
    state["embed.positions"] = positions.reshape(grid, grid, -1)
    state["embed.weight"] = pi_resize(state["embed.weight"], patch // STRIDE)
    fixed.load_state_dict(state)
    fold_norms(fixed.stem)
    return fixed


def _classifier(head: HeadWeights, dim: int) -> nn.Linear:
    """Return the matrix from an embedding to the logits of a head."""
    expected = (len(head.labels), dim)
    if tuple(head.proxies.shape) != expected:
        raise ExportError(
            f"head {head.name} has proxies of {tuple(head.proxies.shape)}, which should be "
            f"{expected}: its labels by the tower's dimensions"
        )
    matrix = nn.Linear(dim, len(head.labels), bias=False)
    directions = F.normalize(head.proxies.detach().float(), dim=-1)
    matrix.load_state_dict({"weight": directions / head.temperature})
    return matrix


def round_to_half(module: nn.Module) -> None:
    """Round every weight to what float16 holds, so that storing it as such loses nothing."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(weight.half())


def to_onnx(graph: nn.Module, example: Tensor, name: str, outputs: Sequence[str]) -> ModelProto:
    """Export with a dynamic batch.

    Args:
        graph: Takes one tensor, its first dimension the batch.
        example: A batch of two: one of a single row would be baked in as a constant.
        name: Of the input.
        outputs: Names of the outputs.

    Returns:
        A model that holds its weights and nothing of where or how it was made.
    """
    model = to_program(graph, example, name, outputs).model_proto
    strip(model)
    return model


def to_program(
    graph: nn.Module, example: Tensor, name: str, outputs: Sequence[str]
) -> torch.onnx.ONNXProgram:
    """Export as `to_onnx`; the weights stay torch's own, not copied."""
    with torch.no_grad(), _quiet_exporter():
        program = torch.onnx.export(
            graph.eval(),
            (example,),
            input_names=[name],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None  # always so with dynamo=True
    _rename_namesakes(program)
    return program


def _rename_namesakes(program: torch.onnx.ONNXProgram) -> None:
    """Rename inner values that are called as an output is: the exporter names by the operator."""
    graph = program.model.graph
    outputs = {value.name: value for value in graph.outputs}
    inner = [*graph.initializers.values(), *(value for node in graph for value in node.outputs)]
    for number, value in enumerate(inner):
        if value.name in outputs and value is not outputs[value.name]:
            value.name = f"{value.name}.inner.{number}"


def strip(model: ModelProto) -> None:
    """Remove what the exporter notes of its work: stack traces, with the paths of this machine."""
    for part in (model, model.graph, *model.graph.node, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what torch says to itself: operators of an absent torchvision, its own old names."""
    with quiet_loggers("torch.onnx", "onnxscript"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")
        yield


def vit_gflops(tower: ViT, patch: int) -> float:
    """Return the multiply-adds of one picture's convolutions and products, in units of 1e9."""
    config = tower.config
    tokens = (config.size // patch) ** 2
    linear = 12 * config.width**2 * tokens
    attention = 2 * tokens**2 * config.width
    patches = tokens * config.stem_width * (patch // STRIDE) ** 2 * config.width
    blocks = config.depth * (linear + attention) + patches + config.width * config.dim
    return (tower.stem.multiply_adds(config.size) + blocks) / 1e9
