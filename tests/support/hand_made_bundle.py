"""Bundles whose graphs are written by hand, so that what they find is known: hue or position."""

from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import NodeProto, TensorProto, helper, numpy_helper

from model_export.bundle import file_digest, write_manifest
from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Tier
from support.pictures import encoded
from support.tiny_run import COLOURS, shape

SIZE = 48


def hue_bundle(folder: Path, *, name: str = "hue") -> Path:
    """Embeds a picture as its mean colour less its mean grey: 3 dimensions."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes.hw"], ["mean"], keepdims=0),
        helper.make_node("ReduceMean", ["mean", "axes.1"], ["grey"], keepdims=1),
        helper.make_node("Sub", ["mean", "grey"], ["raw"]),
    ]
    return _bundle(folder, name, nodes, dim=3)


def position_bundle(folder: Path, *, name: str = "position") -> Path:
    """Embeds a picture as the brightness of its columns less their mean: `SIZE` dimensions."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes.hc"], ["columns"], keepdims=0),
        helper.make_node("ReduceMean", ["columns", "axes.1"], ["level"], keepdims=1),
        helper.make_node("Sub", ["columns", "level"], ["raw"]),
    ]
    return _bundle(folder, name, nodes, dim=SIZE)


def shapes_catalogue(path: Path, count: int = 48) -> Path:
    """Coloured discs and squares at random places; `category` is the colour."""
    colours = [tuple(COLOURS)[i % 4] for i in range(count)]
    outlines = ["disc" if i // 4 % 2 else "square" for i in range(count)]
    pictures = [encoded(shape(c, outlines[i], i), "PNG") for i, c in enumerate(colours)]
    columns = {
        "id": [f"s-{i}" for i in range(count)],
        "category": colours,
        "outline": outlines,
        "image": [{"bytes": data, "path": None} for data in pictures],
    }
    pq.write_table(pa.table(columns), path)
    return path


def _bundle(folder: Path, name: str, nodes: list[NodeProto], dim: int) -> Path:
    folder.mkdir()
    around = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        *nodes,
        helper.make_node("ReduceL2", ["raw", "axes.1"], ["length"], keepdims=1),
        helper.make_node("Div", ["raw", "length"], ["embedding"]),
    ]
    axes = {"axes.hw": [1, 2], "axes.hc": [1, 3], "axes.1": [1]}
    graph = helper.make_graph(
        around,
        name,
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dim])],
        [numpy_helper.from_array(np.array(value), key) for key, value in axes.items()],
    )
    opset = helper.make_opsetid("", 23)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=11)
    onnx.save(model, folder / "image.onnx")
    manifest = BundleManifest(
        name=name,
        version="1",
        licence="CC0-1.0",
        dim=dim,
        image=ImageTower(
            tiers=(Tier(name="best", file="image.onnx", patch=1, tokens=1, gflops=0),)
        ),
        preprocess=PreprocessSpec(size=SIZE),
        files={"image.onnx": file_digest(folder / "image.onnx")},
    )
    write_manifest(folder, manifest)
    return folder
