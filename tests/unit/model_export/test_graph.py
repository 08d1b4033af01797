import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import training
from model_export.bundle import ExportError
from model_export.graph import HeadWeights, TierGraph, to_onnx, tower_at, vit_gflops
from model_export.run import heads_of
from support.tiny_bundle import TIERS, noise, tiny_tower
from training import checkpoint as checkpoints
from training.stem import STRIDE
from training.vit import ViT, ViTConfig, to_unit_range


def session(exported: Path, patch: int) -> ort.InferenceSession:
    file = exported / "bundle" / f"image-{patch}.onnx"
    return ort.InferenceSession(file, providers=["CPUExecutionProvider"])


def heads(exported: Path) -> list[HeadWeights]:
    return heads_of(checkpoints.load(exported / "checkpoint.pt"), {"category": 0.1})


@pytest.mark.parametrize("patch", TIERS)
def test_a_tier_is_sound_and_of_opset_23_and_resizes_nothing(exported: Path, patch: int) -> None:
    file = exported / "bundle" / f"image-{patch}.onnx"
    onnx.checker.check_model(file, full_check=True)
    model = onnx.load(file, load_external_data=False)
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 23
    operators = {node.op_type for node in model.graph.node}
    assert not operators & {"Resize", "Pow", "SVD", "Gather", "AveragePool"}
    assert 32 * 8 * (patch // STRIDE) ** 2 in {
        int(np.prod(t.dims)) for t in model.graph.initializer
    }


def test_a_graph_says_nothing_of_the_machine_that_made_it(exported: Path) -> None:
    here = str(Path(training.__file__).parent)
    for file in (exported / "bundle").glob("*.onnx"):
        data = file.read_bytes()
        assert here.encode() not in data
        assert b"stack_trace" not in data


@pytest.mark.parametrize("patch", TIERS)
def test_uint8_pictures_of_any_number_go_in_and_float32_vectors_come_out(
    exported: Path, patch: int
) -> None:
    running = session(exported, patch)
    (given,) = running.get_inputs()
    assert (given.name, given.type) == ("images", "tensor(uint8)")
    assert isinstance(given.shape[0], str)
    assert given.shape[1:] == [48, 48, 3]
    made = {out.name: (out.type, out.shape) for out in running.get_outputs()}
    n = given.shape[0]
    assert made == {
        "embedding": ("tensor(float)", [n, 16]),
        "head_category": ("tensor(float)", [n, 3]),
        "head_colour": ("tensor(float)", [n, 4]),
    }


@pytest.mark.parametrize("patch", TIERS)
@pytest.mark.parametrize("count", [1, 2, 7, 32, 65])
def test_the_graph_computes_what_torch_computes(exported: Path, count: int, patch: int) -> None:
    batch = noise(count)
    with torch.inference_mode():
        expected = TierGraph(tiny_tower(), patch, heads(exported))(torch.from_numpy(batch))
    got = session(exported, patch).run(None, {"images": batch})
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-5)
    vectors = got[0]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    # The untrained tower tells pictures apart, else agreement would mean nothing.
    assert count == 1 or (vectors @ vectors.T - np.eye(count)).max() < 0.99999


@pytest.mark.parametrize("patch", TIERS)
def test_a_tier_is_the_tower_at_its_patch_size_but_for_the_rounding(patch: int) -> None:
    images = torch.from_numpy(noise(5))
    tower = tiny_tower()
    with torch.inference_mode():
        pixels = to_unit_range(images)
        torch.testing.assert_close(tower_at(tower, patch)(pixels, patch), tower(pixels, patch))
        (rounded,) = TierGraph(tower, patch)(images)
        torch.testing.assert_close(rounded, tower(pixels, patch), atol=5e-3, rtol=0)


def test_making_a_tier_leaves_the_tower_as_it_was() -> None:
    tower, before = tiny_tower(), tiny_tower().state_dict()
    TierGraph(tower, 16)
    for name, weight in tower.state_dict().items():
        assert torch.equal(weight, before[name])


def test_a_heads_probabilities_are_the_softmax_of_its_cosines(exported: Path) -> None:
    vectors, _, colours = session(exported, 8).run(None, {"images": noise(9)})
    colour = heads(exported)[1]
    proxies = colour.proxies.numpy()
    cosines = vectors @ (proxies / np.linalg.norm(proxies, axis=1, keepdims=True)).T
    powers = np.exp(cosines / 0.25)
    np.testing.assert_allclose(colours, powers / powers.sum(axis=1, keepdims=True), atol=2e-3)
    np.testing.assert_allclose(colours.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("patch", [0, 7, 96])
def test_patches_that_do_not_fit_the_pictures_are_refused(patch: int) -> None:
    with pytest.raises(ExportError, match=f"48x48 do not divide into patches of {patch}"):
        TierGraph(tiny_tower(), patch)


@pytest.mark.parametrize("shape", [(2, 16), (3, 8)])
def test_a_head_of_another_tower_or_of_other_labels_is_refused(shape: tuple[int, int]) -> None:
    head = HeadWeights("kind", ("a", "b", "c"), torch.ones(shape), 0.1)
    with pytest.raises(ExportError, match=r"head kind has proxies of .*should be \(3, 16\)"):
        TierGraph(tiny_tower(), 16, [head])


def test_exporting_is_silent_and_leaves_torch_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    graph = TierGraph(tiny_tower(shape=ViTConfig(8, 1, 1, 4, size=16, grid=1, stem_width=4)), 16)
    filters, level = list(warnings.filters), logging.getLogger("torch.onnx").level
    to_onnx(graph, torch.zeros((2, 16, 16, 3), dtype=torch.uint8), "images", graph.outputs)
    assert capfd.readouterr() == ("", "")
    assert torch.is_grad_enabled()
    assert warnings.filters == filters
    assert logging.getLogger("torch.onnx").level == level


def test_gflops_are_the_multiply_adds_of_one_picture() -> None:
    config = ViTConfig(8, 2, 2, dim=6, size=8, patch=16, stem_width=4, stem_blocks=0)
    # 8 x 8 pixels are 4 tokens, of 2 x 2 features, which take 4*4*27*2 + 2*2*18*4. Of a block:
    # qkv 4*8*24, scores 4*4*8, their sums 4*4*8, out 4*8*8, mlp 4*8*32 twice. Around the blocks:
    # patches 4*4*8, and the head 8*6.
    block = 4 * 8 * 24 + 4 * 4 * 8 + 4 * 4 * 8 + 4 * 8 * 8 + 2 * (4 * 8 * 32)
    expected = 4 * 4 * 27 * 2 + 2 * 2 * 18 * 4 + 2 * block + 4 * 4 * 8 + 8 * 6
    assert vit_gflops(ViT(config), 4) * 1e9 == pytest.approx(expected)
