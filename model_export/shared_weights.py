"""Weights of several graphs in one file, each tensor once, at half the bytes.

    float32 constant -> float16 constant + Cast (`halve`) -> offset and length in a file (`share`)

The tiers of a bundle are one network at several patch sizes: nearly all that they hold is equal.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import (
    load_external_data_for_tensor,
    set_external_data,
    uses_external_data,
)

LEAST_BYTES = 512
"""As stored; what is smaller stays in the graph as it is."""
ALIGNMENT = 64
"""Bytes: a cache line. A page would be for mapping, but a constant behind a Cast is read once."""


def halve(model: ModelProto) -> None:
    """Store as float16 each large float32 constant that float16 holds exactly, in place.

    A Cast gives the constant back under its old name, so that the graph computes what it did, in
    float32; ONNX Runtime folds it at load.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        exact = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):  # becomes infinite, which is not equal
            half = exact.astype(np.float16)
        if half.nbytes < LEAST_BYTES or not np.array_equal(half, exact):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.fp16"))
        cast = helper.make_node("Cast", [tensor.name], [name], f"{name}.cast", to=TensorProto.FLOAT)
        casts.append(cast)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def share(
    models: Sequence[ModelProto],
    weights: Path,
    known: Mapping[bytes, tuple[str, int]] | None = None,
) -> None:
    """Move the large constants of all models into one file, equal bytes once.

    Args:
        models: Changed in place; to be saved in the folder of `weights`.
        weights: The file to write; the same models in the same order give the same bytes.
        known: Constants that other files of the folder hold already, as of `stored`.
    """
    known = known or {}
    offsets: dict[bytes, int] = {}
    with weights.open("wb") as file:
        for tensor in (tensor for model in models for tensor in model.graph.initializer):
            data = tensor.raw_data
            if len(data) < LEAST_BYTES:
                continue
            if data in known:
                set_external_data(tensor, *known[data], len(data))
                tensor.ClearField("raw_data")
                continue
            if data not in offsets:
                file.write(bytes(-file.tell() % ALIGNMENT))
                offsets[data] = file.tell()
                file.write(data)
            set_external_data(tensor, weights.name, offsets[data], len(data))
            tensor.ClearField("raw_data")


def stored(graphs: Iterable[Path]) -> dict[bytes, tuple[str, int]]:
    """Return what the constants of graphs are outside them: bytes -> file, offset."""
    found: dict[bytes, tuple[str, int]] = {}
    for graph in graphs:
        for tensor in onnx.load(graph, load_external_data=False).graph.initializer:
            if not uses_external_data(tensor):
                continue
            entries = {entry.key: entry.value for entry in tensor.external_data}
            place = entries["location"], int(entries.get("offset", 0))
            load_external_data_for_tensor(tensor, str(graph.parent))
            found.setdefault(tensor.raw_data, place)
    return found


def save(model: ModelProto, path: Path) -> None:
    """Check a model as ONNX and write it; the same model gives the same bytes."""
    path.write_bytes(model.SerializeToString(deterministic=True))
    # By its path, so that what it says of another file is checked too.
    onnx.checker.check_model(path, full_check=True)
