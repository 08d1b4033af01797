"""Graphs with the weights that they came with: in one file, or two where one may not hold them.

torch graph -> ONNX, nothing of this machine in it -> file (+ weights)
"""

from pathlib import Path

import onnx
import onnx_ir
import torch
from onnx import ModelProto
from torch import Tensor, nn

from model_export.bundle import ExportError
from model_export.graph import strip, to_program
from model_export.shared_weights import save

LARGEST_FILE = 2_000_000_000
"""Bytes of weights that go into the graph's own file; ONNX allows 2 GiB for all of it."""


def save_graph(
    graph: nn.Module, example: Tensor, name: str, file: Path, largest_file: int = LARGEST_FILE
) -> None:
    """Export a graph of one input, whose output is called `embedding`.

    Args:
        graph: The torch side.
        example: A batch of two.
        name: Of the input.
        file: To write.
        largest_file: Bytes of weights above which they go into a file beside it, as
            `weights_beside` names it; straight from torch, without another copy in memory.

    Raises:
        ExportError: It cannot be exported.
    """
    try:
        program = to_program(graph, example, name, ["embedding"])
    except torch.onnx.OnnxExporterError as exc:
        reason = str(exc.__cause__ or exc).splitlines()[0]
        raise ExportError(f"torch cannot export the graph of {name} to ONNX: {reason}") from exc
    constants = (value.const_value for value in program.model.graph.initializers.values())
    if sum(constant.nbytes for constant in constants if constant) <= largest_file:
        model = program.model_proto
    else:
        onnx_ir.save(program.model, file, external_data=weights_beside(file).name)
        model = onnx.load(file, load_external_data=False)
    strip(model)
    save(model, file)


def save_model(model: ModelProto, file: Path, largest_file: int = LARGEST_FILE) -> None:
    """Save a graph that came as ONNX, its weights beside it where they are large.

    Raises:
        ExportError: It breaks the rules of ONNX.
    """
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) > largest_file:
        weights = weights_beside(file).name
        onnx.save(model, file, save_as_external_data=True, location=weights)
        model = onnx.load(file, load_external_data=False)
    try:
        save(model, file)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as exc:
        reason = " ".join(str(exc).split())[:300]
        raise ExportError(f"the ONNX graph breaks the rules of ONNX: {reason}") from exc


def weights_beside(file: Path) -> Path:
    """Return the file of a graph's weights: `image.onnx` has `image.weights`."""
    return file.with_suffix(".weights")
