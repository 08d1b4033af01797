"""Bare ONNX files as people have them: random weights, a recipe beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

SIZE, PATCH, WIDTH = 32, 8, 12
TOKENS = (SIZE // PATCH) ** 2
RECIPE: dict[str, Any] = {
    "size": SIZE,
    "resize": "shortest",
    "crop_pct": 0.875,
    "interpolation": "bicubic",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def token_graph(
    *,
    layout: str = "nchw",
    element: int = TensorProto.FLOAT,
    batch: str | int = "n",
    opset: int = 17,
    pooled: bool = False,
) -> onnx.ModelProto:
    """Patches -> a hidden layer -> (n, tokens, width), the mean over tokens beside it if wanted."""
    rng = np.random.default_rng(4)
    numpy_type = helper.tensor_dtype_to_np_dtype(element)
    constants = {
        "kernel": rng.normal(0, 0.3, (WIDTH, 3, PATCH, PATCH)),
        "mix": rng.normal(0, 0.5, (WIDTH, WIDTH)),
        "bias": rng.normal(0, 0.5, (WIDTH,)),
    }
    given, nodes = "pixels", []
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["pixels"], ["chw"], perm=[0, 3, 1, 2]))
        given = "chw"
    nodes += [
        helper.make_node("Conv", [given, "kernel"], ["grid"], strides=[PATCH, PATCH]),
        helper.make_node("Reshape", ["grid", "flat"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["rows", "mix"], ["mixed"]),
        helper.make_node("Add", ["mixed", "bias"], ["biased"]),
        helper.make_node("Tanh", ["biased"], ["tokens"]),
    ]
    outputs = [helper.make_tensor_value_info("tokens", element, [batch, TOKENS, WIDTH])]
    if pooled:
        axes = {} if opset >= 18 else {"axes": [1]}
        inputs = ["tokens", "axes"] if opset >= 18 else ["tokens"]
        nodes.append(helper.make_node("ReduceMean", inputs, ["embedding"], keepdims=0, **axes))
        outputs.append(helper.make_tensor_value_info("embedding", element, [batch, WIDTH]))
    shape = [batch, 3, SIZE, SIZE] if layout == "nchw" else [batch, SIZE, SIZE, 3]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("pixels", element, shape)],
        outputs,
        [
            *(numpy_helper.from_array(v.astype(numpy_type), n) for n, v in constants.items()),
            numpy_helper.from_array(np.array([0, WIDTH, -1]), "flat"),
            numpy_helper.from_array(np.array([1]), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write_onnx(folder: Path, model: onnx.ModelProto, **recipe: Any) -> Path:
    """Save a graph as `encoder.onnx` and its recipe beside it; a field that is None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "encoder.onnx")
    fields = {name: value for name, value in {**RECIPE, **recipe}.items() if value is not None}
    (folder / "encoder.yaml").write_text(yaml.safe_dump(fields))
    return folder / "encoder.onnx"
