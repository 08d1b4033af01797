"""Every recipe gives a graph that embeds as its tier does, in the bits it promises."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from model_export.bundle import ExportError
from model_export.parity import sample_pictures
from model_export.precisions import check_precision, convolutional, float_graph, recipes
from service.core.manifest import PreprocessSpec

PICTURES = sample_pictures(PreprocessSpec(size=48), count=24)


@pytest.fixture(scope="module")
def tier(exported: Path) -> ModelProto:
    return float_graph(exported / "bundle" / "image-12.onnx")


def run(model: ModelProto | Path) -> list[np.ndarray]:
    source = model if isinstance(model, Path) else model.SerializeToString()
    session = ort.InferenceSession(source, providers=["CPUExecutionProvider"])
    return session.run(["embedding", "head_category"], {"images": PICTURES})


def kinds(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def types(model: ModelProto) -> Counter[int]:
    return Counter(t.data_type for t in model.graph.initializer if np.prod(t.dims) >= 256)


def test_a_tier_is_read_with_its_weights_folded(exported: Path, tier: ModelProto) -> None:
    assert set(types(tier)) == {TensorProto.FLOAT}
    assert kinds(tier)["Cast"] == 1  # of the pixels
    before, after = run(exported / "bundle" / "image-12.onnx"), run(tier)
    for expected, found in zip(before, after, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("precision", "recipe", "least_cosine", "stored"),
    [
        ("int8", "dynamic", 0.99, TensorProto.INT8),
        ("int8", "dynamic-conv", 0.99, TensorProto.INT8),
        ("int8", "static", 0.95, TensorProto.INT8),
        ("fp16", "half", 0.9999, TensorProto.FLOAT16),
    ],
)
def test_a_variant_embeds_nearly_as_its_tier(
    tier: ModelProto, tmp_path: Path, precision: str, recipe: str, least_cosine: float, stored: int
) -> None:
    untouched = tier.SerializeToString(deterministic=True)
    make = recipes(precision, tier)[recipe]
    made = make(tier, PICTURES[:8])
    assert tier.SerializeToString(deterministic=True) == untouched
    assert types(made)[stored] >= 9
    assert types(made)[stored] > types(made)[TensorProto.FLOAT]
    assert {opset.domain for opset in made.opset_import} == {""}
    assert all(tensor.raw_data for tensor in made.graph.initializer if tensor.dims)
    onnx.save(made, tmp_path / "made.onnx")
    onnx.checker.check_model(tmp_path / "made.onnx", full_check=True)
    (expected, labels), (found, named) = run(tier), run(made)
    cosines = (expected * found).sum(axis=1)
    assert least_cosine <= cosines.min() < 1 - 1e-9
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(named.sum(axis=1), 1, atol=1e-2)
    np.testing.assert_allclose(named, labels, atol=0.2)
    again = make(tier, PICTURES[:8])
    assert again.SerializeToString(deterministic=True) == made.SerializeToString(deterministic=True)


def test_the_last_linear_map_and_the_heads_stay_in_floats(tier: ModelProto) -> None:
    """Products of many rows are of the patches and four a block; attention has no constants."""
    assert kinds(tier)["Gemm"] == 3
    made = recipes("int8", tier)["dynamic"](tier, PICTURES[:8])
    assert kinds(made)["MatMulInteger"] == 1 + 2 * 4
    assert kinds(made)["MatMul"] + kinds(made)["Gemm"] == 2 * 2 + 3
    assert kinds(made)["Conv"] == kinds(tier)["Conv"] == 4
    half = recipes("fp16", tier)["half"](tier, PICTURES[:8])
    stored = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    ends = [node for node in half.graph.node if node.op_type == "Gemm"]
    assert {stored[node.input[1]] for node in ends} == {TensorProto.FLOAT}


def test_a_vector_of_half_precision_is_of_unit_length(tier: ModelProto) -> None:
    vectors, _ = run(recipes("fp16", tier)["half"](tier, PICTURES[:8]))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_convolutions_that_stride_stay_in_floats(tier: ModelProto) -> None:
    """Of the stem's four, two halve the resolution; a block has two, and a ReLU that reads one."""
    named = {node.name: node for node in tier.graph.node}
    found = [named[name] for name in convolutional(tier)]
    assert Counter(node.op_type for node in found) == {"Conv": 2, "Relu": 1}
    made = recipes("int8", tier)["dynamic-conv"](tier, PICTURES[:8])
    before, after = (
        {n.input[1] for n in m.graph.node if n.op_type == "Conv"} for m in (tier, made)
    )
    assert before - after == {node.input[1] for node in found if node.op_type == "Conv"}
    assert len(after) == 4


def test_a_graph_that_only_cuts_patches_has_no_recipe_for_convolutions(tier: ModelProto) -> None:
    assert set(recipes("int8", tier)) == {"dynamic", "dynamic-conv", "static"}
    plain = ModelProto()
    plain.CopyFrom(tier)
    for node in plain.graph.node:
        if node.op_type == "Conv":
            strides = [entry for entry in node.attribute if entry.name == "strides"]
            strides[0].ints[:] = [2, 2]
    assert set(recipes("int8", plain)) == {"dynamic", "static"}


@pytest.mark.parametrize(
    ("precision", "message"),
    [("bf16", "bf16 needs no file: OpenVINO"), ("int4", "no precision 'int4'; choose int8")],
)
def test_what_is_no_file_is_said(precision: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        check_precision(precision)


def test_a_graph_that_is_damaged_or_too_large_is_named(exported: Path, tmp_path: Path) -> None:
    alone = tmp_path / "image-12.onnx"
    alone.write_bytes((exported / "bundle" / "image-12.onnx").read_bytes())
    with pytest.raises(ExportError, match=r"image-12\.onnx cannot be loaded: .*image\.weights"):
        float_graph(alone)
    vast = numpy_helper.from_array(np.zeros(0, dtype=np.float32), "vast")
    vast.dims[:] = [2**15, 2**15]
    graph = helper.make_graph([], "vast", [], [], [vast])
    (tmp_path / "vast.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ExportError, match=r"vast\.onnx holds 4\.3 GB in float32"):
        float_graph(tmp_path / "vast.onnx")
