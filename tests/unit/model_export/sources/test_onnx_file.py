"""A bare ONNX file becomes a bundle that computes what the file does, or is refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from model_export.bundle import ExportError
from model_export.export_source import UNSTATED, export_foreign
from model_export.sources.onnx_file import read_onnx
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.manifest import PreprocessSpec
from support.onnx_models import RECIPE, SIZE, WIDTH, token_graph, write_onnx
from support.tiny_bundle import noise


def exported(file: Path, out: Path) -> OnnxEncoder:
    export_foreign(out, read_onnx(file))
    return OnnxEncoder(out, threads=1)


def by_hand(file: Path, images: np.ndarray, output: str = "tokens") -> np.ndarray:
    """The file's own output for pictures made as RECIPE says, RGB and NCHW."""
    mean, std = np.array(RECIPE["mean"]), np.array(RECIPE["std"])
    pixels = ((images / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    (made,) = session.run([output], {"pixels": pixels})
    return made


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 2, 7, 32])
@pytest.mark.parametrize("opset", [13, 18])
def test_tokens_are_pooled_as_the_recipe_says(tmp_path: Path, opset: int, count: int) -> None:
    file = write_onnx(tmp_path, token_graph(opset=opset), pooling="gap", prefix=3)
    images = noise(count, SIZE)
    encoder = exported(file, tmp_path / "bundle")
    expected = unit(by_hand(file, images)[:, 3:].mean(axis=1))
    np.testing.assert_allclose(encoder.encode(images), expected, atol=1e-5)


def test_the_first_token_can_be_taken(tmp_path: Path) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    images = noise(5, SIZE)
    encoder = exported(file, tmp_path / "bundle")
    np.testing.assert_allclose(encoder.encode(images), unit(by_hand(file, images)[:, 0]), atol=1e-5)


def test_an_output_of_vectors_is_taken_as_it_is(tmp_path: Path) -> None:
    """Though it is called as the bundle's own output is."""
    file = write_onnx(tmp_path, token_graph(pooled=True), output="embedding")
    images = noise(5, SIZE)
    encoder = exported(file, tmp_path / "bundle")
    expected = unit(by_hand(file, images, "embedding"))
    np.testing.assert_allclose(encoder.encode(images), expected, atol=1e-5)
    assert encoder.manifest.dim == WIDTH


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_order_of_channels_dimensions_and_range_are_the_recipes(
    tmp_path: Path, layout: str, channels: str
) -> None:
    """Caffe's way: bytes less a mean, blue first."""
    fields: dict[str, Any] = {
        "layout": layout, "channels": channels, "pooling": "gap",
        "range": [0, 255], "mean": [104, 117, 123], "std": [50, 60, 70],
    }  # fmt: skip
    file = write_onnx(tmp_path, token_graph(layout=layout), **fields)
    images = noise(4, SIZE)
    pixels = images[..., ::-1] if channels == "bgr" else images
    pixels = (pixels - np.array(fields["mean"])) / np.array(fields["std"])
    pixels = pixels.transpose(0, 3, 1, 2) if layout == "nchw" else pixels
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {"pixels": pixels.astype(np.float32)})
    encoder = exported(file, tmp_path / "bundle")
    np.testing.assert_allclose(encoder.encode(images), unit(made.mean(axis=1)), atol=1e-5)


def test_a_graph_of_half_precision_is_fed_and_read_as_such(tmp_path: Path) -> None:
    file = write_onnx(tmp_path, token_graph(element=TensorProto.FLOAT16), pooling="cls")
    vectors = exported(file, tmp_path / "bundle").encode(noise(3, SIZE))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_manifest_says_what_the_recipe_said(tmp_path: Path) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls", patch=8, licence="MIT")
    manifest = exported(file, tmp_path / "bundle").manifest
    assert (manifest.name, manifest.licence, manifest.dim) == ("encoder", "MIT", WIDTH)
    assert manifest.preprocess == PreprocessSpec(
        size=SIZE,
        resize="shortest",
        resize_side=36,
        interpolation="bicubic",
        decoding="faithful",
    )
    (tier,) = manifest.image.tiers
    assert (tier.file, tier.patch, tier.tokens, tier.gflops) == ("image.onnx", 8, 16, None)
    assert manifest.parity is not None
    assert manifest.parity.min_cosine >= 0.9999


def test_what_nobody_states_is_not_made_up(tmp_path: Path) -> None:
    manifest = exported(write_onnx(tmp_path, token_graph(), pooling="cls"), tmp_path / "b").manifest
    assert manifest.licence == UNSTATED
    assert (manifest.image.tiers[0].patch, manifest.image.tiers[0].tokens) == (None, None)


def test_weights_beside_the_file_come_along(tmp_path: Path) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    inside = exported(file, tmp_path / "inside").encode(noise(3, SIZE))
    onnx.save(
        onnx.load(file), file, save_as_external_data=True, location="w.bin", size_threshold=500
    )
    outside = exported(file, tmp_path / "outside").encode(noise(3, SIZE))
    np.testing.assert_array_equal(inside, outside)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ExportError, match=r"encoder\.onnx keeps weights in w\.bin, which is not"):
        read_onnx(file)


def test_large_weights_lie_beside_the_graph_and_are_part_of_the_models_identity(
    tmp_path: Path,
) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    manifest = export_foreign(tmp_path / "bundle", read_onnx(file), largest_file=1000)
    assert manifest.image.weights == "image.weights"
    assert set(manifest.files) == {"image.onnx", "image.weights"}
    inside = exported(file, tmp_path / "inside").encode(noise(3, SIZE))
    beside = OnnxEncoder(tmp_path / "bundle", threads=1).encode(noise(3, SIZE))
    np.testing.assert_array_equal(inside, beside)


def refusal(file: Path) -> str:
    with pytest.raises(ExportError) as refused:
        read_onnx(file)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" * 40, b"not a model, but text\n"])
def test_what_is_no_onnx_is_named(tmp_path: Path, data: bytes) -> None:
    file = write_onnx(tmp_path, token_graph())
    file.write_bytes(data)
    assert f"{file} " in refusal(file)


@pytest.mark.parametrize(
    ("graph", "fields", "complaint"),
    [
        ({"batch": 1}, {}, "takes batches of 1 only: export it again with a dynamic first"),
        ({}, {"size": 64}, "has the shape ['n', 3, 32, 32]; the recipe says nchw of 64 pixels"),
        ({}, {"layout": "nhwc"}, "the recipe says nhwc of 32 pixels, which is [n, 32, 32, 3]"),
        ({}, {"pooling": "none"}, "['n', 16, 12], which pooling: none cannot make one vector of"),
        ({}, {"output": "vector"}, "has no output vector; it has tokens"),
        ({"pooled": True}, {}, "has the outputs tokens, embedding: name one as output"),
        ({"opset": 12}, {}, "is of opset 12, 13 or later is needed"),
        ({"element": TensorProto.INT32}, {}, "cannot be run by ONNX Runtime"),
    ],
)
def test_a_graph_that_cannot_be_a_bundle_is_refused_with_the_way_out(
    tmp_path: Path, graph: dict[str, Any], fields: dict[str, Any], complaint: str
) -> None:
    file = write_onnx(tmp_path, token_graph(**graph), **{"pooling": "cls", **fields})
    message = refusal(file)
    assert message.startswith(str(file))
    assert complaint in message


def test_a_batch_that_is_baked_into_the_graph_is_found_out(tmp_path: Path) -> None:
    model = token_graph()
    flat = next(t for t in model.graph.initializer if t.name == "flat")
    flat.CopyFrom(onnx.numpy_helper.from_array(np.array([1, WIDTH, 16]), "flat"))
    file = write_onnx(tmp_path, model, pooling="cls")
    assert "cannot be run on two pictures at once" in refusal(file)


def test_a_second_input_is_no_picture(tmp_path: Path) -> None:
    model = token_graph()
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["n", 16]))
    file = write_onnx(tmp_path, model, pooling="cls")
    assert "takes 2 inputs (pixels, mask)" in refusal(file)
