"""A float32 graph to float16, node by node: every value at the precision that its reader wants.

    x (float32)  <-Cast->  x.half (float16)      made once each, and only where somebody reads it

Nodes that compute in float32 hand on float32 to one another, so that nothing is rounded between
them; what goes into the graph and comes out of it keeps its type.

A CPU has no such arithmetic, and ONNX Runtime silently leaves the roundings out there. So that one
can tell what a GPU will lose, `emulated` computes in float32 what was rounded to float16.
"""

from collections.abc import Container

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

_IN_FLOAT32 = ("ReduceMean", "ReduceSum", "CumSum", "Range", "Resize")
"""Sums over many numbers, of which 16 bits would lose the last, and what takes no others."""
_LARGEST = np.float32(np.finfo(np.float16).max)


def to_half(model: ModelProto, kept: Container[str] = (), *, emulated: bool = False) -> ModelProto:
    """Return a graph that computes in float16.

    Args:
        model: In topological order, its constants within.
        kept: Names of nodes that go on computing in float32.
        emulated: Round every value to float16, but compute in float32.
    """
    made = ModelProto()
    made.CopyFrom(model)
    for field in (made.graph.node, made.graph.initializer, made.graph.value_info):
        del field[:]
    halving = _Halving(model, made, emulated=emulated)
    for node in model.graph.node:
        halving.add(node, kept)
    for output in model.graph.output:
        halving.want(output.name, half=False)
    return made


class _Halving:
    """The graph being made: which values it has so far, in which precision."""

    def __init__(self, model: ModelProto, made: ModelProto, *, emulated: bool) -> None:
        graph = onnx.shape_inference.infer_shapes(model).graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        values = (*graph.input, *graph.value_info, *graph.output)
        types = {value.name: value.type.tensor_type.elem_type for value in values}
        types |= {name: tensor.data_type for name, tensor in self._constants.items()}
        self._floats = {name for name, kind in types.items() if kind == TensorProto.FLOAT}
        self._graph = made.graph
        self._emulated = emulated
        self._present = {value.name for value in graph.input}

    def add(self, node: NodeProto, kept: Container[str]) -> None:
        """Add a node in the precision it is to compute in."""
        reads = node.op_type == "Cast" or any(name in self._floats for name in node.input)
        half = reads and node.op_type not in _IN_FLOAT32 and node.name not in kept
        inputs = [self.want(name, half) for name in node.input]
        half = half and not self._emulated  # from here on: what the node makes
        added = self._graph.node.add()
        added.CopyFrom(node)
        added.input[:] = inputs
        added.output[:] = [self._name(name, half) for name in node.output]
        self._present.update(added.output)
        for attribute in added.attribute:
            if half and (node.op_type, attribute.name, attribute.i) == ("Cast", "to", 1):
                attribute.i = TensorProto.FLOAT16

    def want(self, name: str, half: bool) -> str:
        """Return the name of a value in a precision, and see that the graph has it."""
        wanted = self._name(name, half)
        if wanted in self._present or not name:
            return wanted
        self._present.add(wanted)
        if name in self._constants:
            stored = tensor = self._constants[name]
            if wanted != name:
                short = rounded(numpy_helper.to_array(tensor))
                value = short.astype(np.float32) if self._emulated else short
                stored = numpy_helper.from_array(value, wanted)
            self._graph.initializer.append(stored)
            return wanted
        other = self._name(name, not half)
        if self._emulated:
            self._cast(other, f"{wanted}.rounded", TensorProto.FLOAT16)
            self._cast(f"{wanted}.rounded", wanted, TensorProto.FLOAT)
        else:
            self._cast(other, wanted, TensorProto.FLOAT16 if half else TensorProto.FLOAT)
        return wanted

    def _cast(self, name: str, made: str, kind: int) -> None:
        self._graph.node.append(helper.make_node("Cast", [name], [made], f"{made}.cast", to=kind))

    def _name(self, name: str, half: bool) -> str:
        return f"{name}.half" if half and name in self._floats else name


def rounded(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """Round to float16; what is finite but too large becomes the largest it holds."""
    finite = np.where(np.isfinite(values), values.clip(-_LARGEST, _LARGEST), values)
    return finite.astype(np.float16)
