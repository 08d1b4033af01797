import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from model_export.graph import ImageGraph, vit_gflops, write_onnx
from training import checkpoint as checkpoints
from training.vit import ViT, ViTConfig


def images(count: int, size: int = 48) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def tower(folder: Path) -> ViT:
    state = checkpoints.load(folder / "checkpoint.pt")
    vit = ViT(state.config.model)
    vit.load_state_dict(state.model)
    return vit.eval()


def test_the_file_is_sound_self_contained_and_of_opset_23(exported: Path) -> None:
    file = exported / "bundle" / "image.onnx"
    model = onnx.load(file, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 23
    external = onnx.TensorProto.EXTERNAL
    assert not [t.name for t in model.graph.initializer if t.data_location == external]
    assert sum(len(t.raw_data) for t in model.graph.initializer) > 4 * 12 * 32**2 * 2


def test_uint8_pictures_of_any_number_go_in_and_float32_vectors_come_out(exported: Path) -> None:
    session = ort.InferenceSession(
        exported / "bundle" / "image.onnx", providers=["CPUExecutionProvider"]
    )
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type) == ("images", "tensor(uint8)")
    assert isinstance(given.shape[0], str)
    assert given.shape[1:] == [48, 48, 3]
    assert (made.name, made.type) == ("embedding", "tensor(float)")
    assert made.shape == [given.shape[0], 16]


@pytest.mark.parametrize("count", [1, 2, 7, 32, 65])
def test_the_graph_computes_what_torch_computes(exported: Path, count: int) -> None:
    session = ort.InferenceSession(
        exported / "bundle" / "image.onnx", providers=["CPUExecutionProvider"]
    )
    batch = images(count)
    with torch.inference_mode():
        expected = ImageGraph(tower(exported))(torch.from_numpy(batch)).numpy()
    (vectors,) = session.run(["embedding"], {"images": batch})
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    # The untrained tower tells pictures apart, else agreement would mean nothing.
    assert count == 1 or (expected @ expected.T - np.eye(count)).max() < 0.99999


def test_exporting_is_silent_and_leaves_torch_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    graph = ImageGraph(ViT(ViTConfig(width=8, depth=1, heads=1, dim=4)))
    filters, level = list(warnings.filters), logging.getLogger("torch.onnx").level
    write_onnx(graph, 16, tmp_path / "image.onnx")
    assert capfd.readouterr() == ("", "")
    assert torch.is_grad_enabled()
    assert warnings.filters == filters
    assert logging.getLogger("torch.onnx").level == level
    assert [file.name for file in tmp_path.iterdir()] == ["image.onnx"]


def test_gflops_are_the_multiply_adds_of_one_picture() -> None:
    config = ViTConfig(width=8, depth=2, heads=2, patch=4, dim=6)
    # 8 x 8 pixels are 4 tokens. Of a block: qkv 4*8*24, scores 4*4*8, their sums 4*4*8, out 4*8*8,
    # mlp 4*8*32 twice. Around the blocks: patches 4*(3*4*4)*8, and the head 8*6.
    block = 4 * 8 * 24 + 4 * 4 * 8 + 4 * 4 * 8 + 4 * 8 * 8 + 2 * (4 * 8 * 32)
    expected = 2 * block + 4 * 48 * 8 + 8 * 6
    assert vit_gflops(ViT(config), 8) * 1e9 == pytest.approx(expected)
