"""A model made elsewhere becomes a bundle folder like any other, whole or not at all."""

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import training
from model_export.bundle import ExportError
from model_export.export_source import UNSTATED, export_foreign
from model_export.graph_files import save_graph, save_model
from model_export.sources.huggingface import read_huggingface
from model_export.sources.onnx_file import read_onnx
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.manifest import BundleManifest
from support.foreign_models import SIZE, exported_foreign, saved_once
from support.onnx_models import token_graph, write_onnx
from support.tiny_bundle import noise


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "foreign"


def operators(file: Path) -> Counter[str]:
    model = onnx.load(file, load_external_data=False)
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 23
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize(("family", "blocks"), [("vit", 2), ("dinov2", 1), ("swin", 3)])
def test_attention_and_gelu_are_single_operators(root: Path, family: str, blocks: int) -> None:
    """One of each a block, where a decomposed graph has a dozen."""
    found = operators(exported_foreign(root, family) / "image.onnx")
    assert (found["Attention"], found["Gelu"]) == (blocks, blocks)
    assert not set(found) & {"Erf", "Resize", "If", "Loop"}


def test_positions_for_another_size_are_settled_before_the_graph(root: Path) -> None:
    model = onnx.load(exported_foreign(root, "dinov2_with_registers") / "image.onnx")
    shapes = {tuple(tensor.dims) for tensor in model.graph.initializer}
    assert (1, 17, 32) in shapes
    assert (1, 50, 32) not in shapes


@pytest.mark.parametrize("file", ["image.onnx", "text.onnx"])
def test_a_graph_says_nothing_of_the_machine_that_made_it(root: Path, file: str) -> None:
    data = (exported_foreign(root, "clip") / file).read_bytes()
    assert str(Path(training.__file__).parents[1]).encode() not in data
    assert b"site-packages" not in data
    assert b"stack_trace" not in data


@pytest.mark.parametrize("count", [1, 2, 7, 32])
def test_a_picture_is_the_same_alone_and_among_any_others(root: Path, count: int) -> None:
    encoder = OnnxEncoder(exported_foreign(root, "clip"), threads=1)
    images = noise(count, SIZE)
    vectors = encoder.encode(images)
    alone = np.concatenate([encoder.encode(image[None]) for image in images])
    assert vectors.shape == (count, 24)
    np.testing.assert_allclose(vectors, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_manifest_says_what_the_bundle_is(root: Path) -> None:
    folder = exported_foreign(root, "clip")
    manifest = BundleManifest.model_validate_json((folder / "bundle.json").read_text())
    assert (manifest.name, manifest.version, manifest.licence) == ("clip", "1", UNSTATED)
    assert manifest.dim == 24
    (tier,) = manifest.image.tiers
    assert (tier.name, tier.file, tier.precision) == ("best", "image.onnx", "fp32")
    assert (tier.patch, tier.tokens) == (8, 16)
    assert manifest.text is not None
    assert (manifest.text.file, manifest.text.max_length) == ("text.onnx", 16)
    assert manifest.parity is not None
    assert manifest.parity.images == 42
    assert manifest.parity.min_cosine >= 0.9999
    assert {path.name for path in folder.iterdir()} == {"bundle.json", *manifest.files}
    for name, digest in manifest.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_multiply_adds_are_those_of_the_blocks_and_what_is_around_them(root: Path) -> None:
    """17 tokens of 32, two blocks: four projections and an MLP of 64; then patches of 8 x 8 x 3."""
    counted = read_huggingface(saved_once(root, "vit")).pictures.gflops
    linear = 2 * 17 * (4 * 32 * 32 + 2 * 32 * 64)
    attention = 2 * 2 * 17 * 17 * 32
    patches = 16 * 32 * 8 * 8 * 3
    assert counted == round((linear + attention + patches) / 1e9, 6)


def test_a_name_a_version_a_licence_and_a_card_can_be_given(root: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# Ours\n")
    model = read_onnx(write_onnx(tmp_path, token_graph(), pooling="cls", licence="MIT"))
    given = {"name": "ours", "version": "3", "licence": "CC0-1.0"}
    manifest = export_foreign(tmp_path / "bundle", model, card=card, **given)
    assert (manifest.name, manifest.version, manifest.licence) == ("ours", "3", "CC0-1.0")
    assert (tmp_path / "bundle" / "README.md").read_text() == "# Ours\n"
    assert export_foreign(tmp_path / "bundle", model).licence == "MIT"
    assert not (tmp_path / "bundle" / "README.md").exists()


def test_weights_too_large_for_one_file_lie_beside_each_graph(root: Path, tmp_path: Path) -> None:
    """Above 2 GB they have to; here the bound is lower."""
    model = read_huggingface(saved_once(root, "clip"))
    manifest = export_foreign(tmp_path / "bundle", model, largest_file=1000)
    assert manifest.image.weights == "image.weights"
    graphs, weights = {"image.onnx", "text.onnx"}, {"image.weights", "text.weights"}
    assert set(manifest.files) == {*graphs, *weights, "tokenizer.json"}
    usual = exported_foreign(root, "clip")
    images, texts = noise(4, SIZE), ["red shoes", "a bag"]
    for kind, given in ((OnnxEncoder, images), (OnnxTextEncoder, texts)):
        beside = kind(tmp_path / "bundle", threads=1).encode(given)
        np.testing.assert_allclose(beside, kind(usual, threads=1).encode(given), atol=1e-6)


def test_a_model_that_computes_nonsense_touches_nothing(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "bundle"
    shutil.copytree(exported_foreign(root, "vit"), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    broken = token_graph()
    bias = next(t for t in broken.graph.initializer if t.name == "bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(12, np.nan, np.float32), "bias"))
    model = read_onnx(write_onnx(tmp_path, broken, pooling="cls"))
    with pytest.raises(ExportError, match=r"image\.onnx differs .*cosine nan.*nothing was written"):
        export_foreign(out, model)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(out.parent.iterdir()) == [out]


def test_what_is_no_bundle_is_not_replaced(tmp_path: Path) -> None:
    model = read_onnx(write_onnx(tmp_path, token_graph(), pooling="cls"))
    with pytest.raises(ExportError, match="exists and is not a bundle: choose another --out"):
        export_foreign(tmp_path, model)
    missing = tmp_path / "card.md"
    with pytest.raises(ExportError, match=f"no model card at {missing}"):
        export_foreign(tmp_path / "bundle", model, card=missing)
    assert not (tmp_path / "bundle").exists()


def test_a_graph_that_torch_cannot_export_is_one_line(tmp_path: Path) -> None:
    class Undecided(torch.nn.Module):
        """What it computes depends on what it sees, which a graph cannot."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float() if images.sum() > 3 else images.float() * 2

    example = torch.zeros((2, 3), dtype=torch.uint8)
    with pytest.raises(ExportError, match="torch cannot export the graph of images to ONNX: "):
        save_graph(Undecided(), example, "images", tmp_path / "image.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_breaks_the_rules_of_onnx_is_one_line(tmp_path: Path) -> None:
    model = token_graph()
    model.graph.node[-1].op_type = "NoSuchOperator"
    with pytest.raises(ExportError, match=r"breaks the rules of ONNX: .*NoSuchOp") as refused:
        save_model(model, tmp_path / "image.onnx")
    assert "\n" not in str(refused.value)
