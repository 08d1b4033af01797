"""Nodes around a graph that came as ONNX, so that it takes bytes and gives unit vectors.

images -> Cast, Mul, Add (, Gather, Transpose) -> the graph -> (pooled) -> LpNormalization
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from onnx import ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper

from model_export.graph import strip
from model_export.sources.recipe import Recipe

_PREFIX = "source/"
_AXES_AS_INPUT = 18
"""The opset since which ReduceMean takes its axes as an input."""


def around(
    model: ModelProto, recipe: Recipe, given: Any, output: str, rank: int, dim: int
) -> ModelProto:
    """Return a graph of `images` and `embedding`; the model itself is used up.

    Args:
        model: As it came.
        recipe: How to make its numbers.
        given: Its input, as ONNX Runtime describes it.
        output: Name of its output.
        rank: Dimensions of that.
        dim: Of a vector.
    """
    opset = next(o.version for o in model.opset_import if not o.domain)
    inner = compose.add_prefix(model, _PREFIX)
    graph = inner.graph
    element = next(i for i in graph.input if i.name == _PREFIX + given.name).type.tensor_type
    build = _Nodes(opset)
    build.numbers(recipe, element.elem_type, _PREFIX + given.name)
    before, build.nodes = build.nodes, []
    build.vectors(recipe, _PREFIX + output, rank)
    nodes = [*before, *graph.node, *build.nodes]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(build.constants)
    size = recipe.size
    graph.input.append(
        helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", size, size, 3])
    )
    graph.output.append(
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])
    )
    strip(inner)
    return inner


class _Nodes:
    """Nodes and their constants, each named by what it does."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def numbers(self, recipe: Recipe, element: int, name: str) -> None:
        """From `images` to the graph's own input."""
        made, normalisation = "images", recipe.normalisation()
        if normalisation.reverse:
            made = self._add("Gather", "reversed", made, self._constant("order", [2, 1, 0]), axis=3)
        if element != TensorProto.UINT8:
            std = np.asarray(normalisation.std)
            gain = normalisation.scale / std
            shift = (normalisation.offset - np.asarray(normalisation.mean)) / std
            made = self._add("Cast", "floats", made, to=TensorProto.FLOAT)
            made = self._add("Mul", "scaled", made, self._constant("gain", gain, np.float32))
            made = self._add("Add", "shifted", made, self._constant("shift", shift, np.float32))
        if recipe.layout == "nchw":
            made = self._add("Transpose", "channels_first", made, perm=[0, 3, 1, 2])
        if element in (TensorProto.FLOAT16, TensorProto.DOUBLE):
            made = self._add("Cast", "cast", made, to=element)
        self.nodes[-1].output[0] = name

    def vectors(self, recipe: Recipe, output: str, rank: int) -> None:
        """From the graph's own output to `embedding`."""
        made = self._add("Cast", "made", output, to=TensorProto.FLOAT)
        if recipe.pooling == "cls":
            made = self._add("Gather", "first", made, self._constant("zero", 0), axis=1)
        elif recipe.pooling == "gap":
            if recipe.prefix and rank == 3:
                bounds = [
                    self._constant(bound, [value])
                    for bound, value in (("from", recipe.prefix), ("to", 2**31), ("axis", 1))
                ]
                made = self._add("Slice", "patches", made, *bounds)
            made = self._mean(made, [1] if rank == 3 else [2, 3])
        self._add("LpNormalization", "embedding", made, axis=-1, p=2)
        self.nodes[-1].output[0] = "embedding"

    def _mean(self, made: str, axes: list[int]) -> str:
        if self.opset >= _AXES_AS_INPUT:
            return self._add("ReduceMean", "mean", made, self._constant("axes", axes), keepdims=0)
        return self._add("ReduceMean", "mean", made, axes=axes, keepdims=0)

    def _add(self, operator: str, name: str, *inputs: str, **attributes: Any) -> str:
        output = f"around/{name}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def _constant(self, name: str, value: ArrayLike, dtype: DTypeLike = np.int64) -> str:
        made = f"around/{name}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), made))
        return made
