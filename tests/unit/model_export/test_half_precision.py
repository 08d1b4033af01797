"""Values change their precision where their reader does, and no more often."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from model_export.half_precision import rounded, to_half

FLOAT, FLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16
W = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
X = np.random.default_rng(1).integers(0, 256, (5, 8), dtype=np.uint8)


@pytest.fixture
def model() -> ModelProto:
    """uint8 -> float -> product -> two float nodes in a row -> product with the same constant."""
    nodes = [
        helper.make_node("Cast", ["x"], ["pixels"], "cast", to=FLOAT),
        helper.make_node("MatMul", ["pixels", "w"], ["first"], "first"),
        helper.make_node("ReduceMean", ["first", "axes"], ["mean"], "mean", keepdims=1),
        helper.make_node("Sub", ["first", "mean"], ["centred"], "centre"),
        helper.make_node("MatMul", ["centred", "w"], ["y"], "second"),
        helper.make_node("Shape", ["x"], ["shape"], "shape"),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 8])],
        [
            helper.make_tensor_value_info("y", FLOAT, ["n", 8]),
            helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
        ],
        [numpy_helper.from_array(W, "w"), numpy_helper.from_array(np.array([1]), "axes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


def run(model: ModelProto) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X})


def types(model: ModelProto) -> dict[str, int]:
    """Of every value, as ONNX infers them: it refuses a node whose inputs differ in type."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True).graph
    values = (*graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def casts(model: ModelProto) -> list[str]:
    return [node.output[0] for node in model.graph.node if node.op_type == "Cast"]


def test_a_graph_computes_in_halves_between_the_types_it_had(model: ModelProto) -> None:
    before = model.SerializeToString(deterministic=True)
    made = to_half(model)
    onnx.checker.check_model(made, full_check=True)
    found = types(made)
    assert found["pixels.half"] == found["first.half"] == found["centred.half"] == FLOAT16
    assert found["mean"] == found["y"] == FLOAT
    assert [t.name for t in made.graph.initializer] == ["w.half", "axes"]
    # The pixels once, the mean in and out of float32, and the output.
    assert casts(made) == ["pixels.half", "first", "mean.half", "y"]
    assert model.SerializeToString(deterministic=True) == before
    for expected, got in zip(run(model), run(made), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0.01, atol=2)


def test_kept_nodes_hand_on_float32_to_one_another(model: ModelProto) -> None:
    made = to_half(model, kept={"mean", "centre", "second"})
    onnx.checker.check_model(made, full_check=True)
    assert casts(made) == ["pixels.half", "first"]
    assert {t.name: t.data_type for t in made.graph.initializer} == {
        "w.half": FLOAT16,
        "w": FLOAT,
        "axes": TensorProto.INT64,
    }
    found = types(made)
    assert found["mean"] == found["centred"] == found["y"] == FLOAT


def test_what_a_gpu_loses_can_be_told_on_a_cpu(model: ModelProto) -> None:
    """Every number that a node reads was rounded, though all of them compute in float32."""
    made = to_half(model, kept={"second"}, emulated=True)
    onnx.checker.check_model(made, full_check=True)
    found = types(made)
    assert {found[name] for name in ("pixels", "first", "mean", "centred", "y")} == {FLOAT}
    first = X.astype(np.float32) @ rounded(W).astype(np.float32)
    mean = first.mean(axis=1, keepdims=True)
    centred = rounded(first).astype(np.float32) - rounded(mean).astype(np.float32)
    y, _ = run(made)
    np.testing.assert_allclose(y, centred @ W, rtol=1e-5, atol=1e-3)
    exact, _ = run(model)
    assert np.abs(y - exact).max() > 10 * np.abs(y - centred @ W).max()


def test_numbers_too_large_become_the_largest_and_infinity_stays() -> None:
    values = np.array([1e6, -3.4e38, np.inf, -np.inf, np.nan, 0.1], dtype=np.float32)
    expected = np.array([65504, -65504, np.inf, -np.inf, np.nan, 0.1], dtype=np.float16)
    np.testing.assert_array_equal(rounded(values), expected)
