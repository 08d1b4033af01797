"""Weights are halved where that loses nothing, and stored once where they are equal."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_export.shared_weights import ALIGNMENT, LEAST_BYTES, halve, save, share, stored

EXACT = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float16).astype(np.float32)


def model(**constants: np.ndarray) -> onnx.ModelProto:
    """One that multiplies `x` by each constant in turn."""
    nodes, last = [], "x"
    for name in constants:
        nodes.append(helper.make_node("MatMul", [last, name], [f"{name}_out"]))
        last = f"{name}_out"
    nodes[-1].output[0] = "y"
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 32])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)


def run(path: Path) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.eye(32, dtype=np.float32)})
    return y


def types(proto: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in proto.graph.initializer}


def test_a_halved_graph_is_half_as_large_and_computes_the_same(tmp_path: Path) -> None:
    before, after = model(w=EXACT, v=EXACT.T.copy()), model(w=EXACT, v=EXACT.T.copy())
    halve(after)
    assert types(after) == {"w.fp16": TensorProto.FLOAT16, "v.fp16": TensorProto.FLOAT16}
    save(before, tmp_path / "before.onnx")
    save(after, tmp_path / "after.onnx")
    sizes = [(tmp_path / name).stat().st_size for name in ("before.onnx", "after.onnx")]
    assert sizes[1] < 0.55 * sizes[0]
    np.testing.assert_array_equal(run(tmp_path / "before.onnx"), run(tmp_path / "after.onnx"))


@pytest.mark.parametrize(
    "spoiled", [1 / 3, 1e6, 1e-9, np.nan], ids=["inexact", "large", "small", "nan"]
)
def test_a_constant_that_float16_does_not_hold_stays_as_it_is(spoiled: float) -> None:
    value = EXACT.copy()
    value[3, 5] = spoiled
    proto = model(w=value)
    before = proto.SerializeToString(deterministic=True)
    halve(proto)
    assert proto.SerializeToString(deterministic=True) == before


def test_small_constants_and_integers_stay_as_they_are() -> None:
    proto = model(w=EXACT)
    small = np.ones(LEAST_BYTES // 2 - 1, dtype=np.float32)
    proto.graph.initializer.append(numpy_helper.from_array(small, "small"))
    proto.graph.initializer.append(numpy_helper.from_array(np.arange(999), "integers"))
    halve(proto)
    assert types(proto)["small"] == TensorProto.FLOAT
    assert types(proto)["integers"] == TensorProto.INT64


def test_equal_weights_are_stored_once_whatever_their_names_and_graphs(tmp_path: Path) -> None:
    one, other = model(w=EXACT, again=EXACT), model(v=EXACT, u=EXACT + 1)
    share([one, other], tmp_path / "weights")
    places = {
        tensor.name: {entry.key: entry.value for entry in tensor.external_data}
        for proto in (one, other)
        for tensor in proto.graph.initializer
    }
    assert places["w"] == places["again"] == places["v"] != places["u"]
    assert {place["location"] for place in places.values()} == {"weights"}
    assert all(int(place["offset"]) % ALIGNMENT == 0 for place in places.values())
    assert (tmp_path / "weights").stat().st_size == 2 * EXACT.nbytes
    save(one, tmp_path / "one.onnx")
    save(other, tmp_path / "other.onnx")
    assert (tmp_path / "one.onnx").stat().st_size < 1000
    np.testing.assert_allclose(run(tmp_path / "one.onnx"), EXACT @ EXACT, rtol=1e-5, atol=1e-5)
    expected = EXACT @ (EXACT + 1)
    np.testing.assert_allclose(run(tmp_path / "other.onnx"), expected, rtol=1e-5, atol=1e-4)


def test_offsets_are_aligned_where_lengths_are_not(tmp_path: Path) -> None:
    odd = np.arange(261, dtype=np.float16)
    proto = onnx.ModelProto()
    for name, value in {"odd": odd, "w": EXACT}.items():
        proto.graph.initializer.append(numpy_helper.from_array(value, name))
    share([proto], tmp_path / "weights")
    offsets = [int(tensor.external_data[1].value) for tensor in proto.graph.initializer]
    assert offsets == [0, 576]
    data = (tmp_path / "weights").read_bytes()
    assert data == odd.tobytes() + bytes(576 - odd.nbytes) + EXACT.tobytes()


def test_small_weights_stay_within_the_graph(tmp_path: Path) -> None:
    proto = model(w=EXACT)
    small = np.ones(LEAST_BYTES // 4 - 1, dtype=np.float32)
    proto.graph.initializer.append(numpy_helper.from_array(small, "small"))
    share([proto], tmp_path / "weights")
    w, kept = proto.graph.initializer
    assert w.data_location == TensorProto.EXTERNAL
    np.testing.assert_array_equal(numpy_helper.to_array(kept), small)


def test_what_another_file_holds_is_not_stored_again(tmp_path: Path) -> None:
    first = model(w=EXACT, v=EXACT.T.copy())
    share([first], tmp_path / "first.weights")
    save(first, tmp_path / "first.onnx")
    second = model(u=EXACT.T.copy(), new=EXACT + 1)
    share([second], tmp_path / "second.weights", stored([tmp_path / "first.onnx"]))
    save(second, tmp_path / "second.onnx")
    assert (tmp_path / "second.weights").stat().st_size == EXACT.nbytes
    expected = EXACT.T @ (EXACT + 1)
    np.testing.assert_allclose(run(tmp_path / "second.onnx"), expected, rtol=1e-5, atol=1e-4)
