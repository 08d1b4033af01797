"""A bundle of one product of matrices, written by hand: quick to quantise, and to spoil."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model_export.bundle import file_digest, write_manifest
from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Tier

SIZE, PATCH, DIM = 48, 16, 24


def product_bundle(folder: Path, *, outlier: float = 1.0) -> Path:
    """Patches less their mean, times a random matrix, averaged and brought to unit length.

    Args:
        folder: Made.
        outlier: How many times larger one input of the product is than it need be; its weights
            are as much smaller, so that in floats nothing changes. In eight bits with one scale
            for all, large ones leave nothing of the others.
    """
    folder.mkdir(parents=True)
    opset = helper.make_opsetid("", 23)
    file = folder / "image.onnx"
    onnx.save(helper.make_model(_graph(outlier), opset_imports=[opset], ir_version=10), file)
    tier = Tier(name="best", file=file.name, patch=PATCH, tokens=(SIZE // PATCH) ** 2, gflops=0)
    manifest = BundleManifest(
        name="product",
        version="1",
        licence="CC0-1.0",
        dim=DIM,
        image=ImageTower(tiers=(tier,)),
        preprocess=PreprocessSpec(size=SIZE),
        files={file.name: file_digest(file)},
    )
    write_manifest(folder, manifest)
    return folder


def _graph(outlier: float) -> onnx.GraphProto:
    grid, channels = SIZE // PATCH, PATCH * PATCH * 3
    rng = np.random.default_rng(3)
    scales = np.ones(channels, dtype=np.float32)
    scales[0] = outlier
    matrix = rng.normal(size=(channels, DIM)).astype(np.float32) / scales[:, None]
    constants = {
        "cut": np.array([-1, grid, PATCH, grid, PATCH * 3]),
        "flat": np.array([-1, grid * grid, channels]),
        "middle": np.float32(127.5),
        "scales": scales,
        "matrix": matrix,
        "tokens": np.array([1]),
        "last": np.array([-1]),
    }
    nodes = [
        ("Cast", ["images"], "pixels", {"to": TensorProto.FLOAT}),
        ("Sub", ["pixels", "middle"], "centred", {}),
        ("Reshape", ["centred", "cut"], "blocks", {}),
        ("Transpose", ["blocks"], "patches", {"perm": [0, 1, 3, 2, 4]}),
        ("Reshape", ["patches", "flat"], "rows", {}),
        ("Mul", ["rows", "scales"], "scaled", {}),
        ("MatMul", ["scaled", "matrix"], "product", {}),
        ("Tanh", ["product"], "bent", {}),
        ("ReduceMean", ["bent", "tokens"], "raw", {"keepdims": 0}),
        ("ReduceL2", ["raw", "last"], "length", {"keepdims": 1}),
        ("Div", ["raw", "length"], "embedding", {}),
    ]
    return helper.make_graph(
        [
            helper.make_node(kind, inputs, [made], made, **options)
            for kind, inputs, made, options in nodes
        ],
        "product",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
