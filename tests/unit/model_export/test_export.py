import hashlib
import shutil
from pathlib import Path

import pytest
import torch

from model_export.bundle import ExportError
from model_export.export import export_bundle, export_checkpoint, tier_names
from service.core.manifest import BundleManifest, Head, PreprocessSpec
from support.tiny_bundle import CALIBRATION, TIERS, tiny_checkpoint, tiny_text, tiny_tower
from training.checkpoint import CheckpointError
from training.vit import ViTConfig

NAMED = {"name": "tiny", "version": "2", "licence": "CC0-1.0"}
SMALL = ViTConfig(
    width=8, depth=1, heads=1, dim=4, size=16, patch=16, grid=1, stem_width=4, stem_blocks=1
)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_manifest_says_what_the_bundle_is(exported: Path) -> None:
    text = (exported / "bundle" / "bundle.json").read_text()
    manifest = BundleManifest.model_validate_json(text)
    assert (manifest.name, manifest.version, manifest.licence) == ("tiny", "1", "CC0-1.0")
    assert manifest.dim == 16
    assert manifest.preprocess == PreprocessSpec(size=48, resize="squash")
    assert [(t.name, t.file, t.precision, t.patch, t.tokens) for t in manifest.image.tiers] == [
        ("best", "image-8.onnx", "fp32", 8, 36),
        ("balanced", "image-12.onnx", "fp32", 12, 16),
        ("fast", "image-24.onnx", "fp32", 24, 4),
    ]
    assert manifest.image.weights == "image.weights"
    assert manifest.heads == (
        Head(output="head_category", name="category", labels=("Bags", "Shirts", "Shoes")),
        Head(output="head_colour", name="colour", labels=("Red", "Navy Blue", "Black", "White")),
    )
    assert manifest.calibration == {"slope": 9.5, "intercept": -6.0}
    assert manifest.parity is not None
    assert manifest.parity.images == 42
    assert manifest.parity.min_cosine >= 0.9999
    assert manifest.text is not None
    assert manifest.text.max_length == 12


def test_the_folder_holds_the_files_it_names_with_their_digests(exported: Path) -> None:
    folder = exported / "bundle"
    manifest = BundleManifest.model_validate_json((folder / "bundle.json").read_text())
    names = {file.name for file in folder.iterdir()}
    assert names == {"bundle.json", *manifest.files}
    for name, digest in manifest.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_tiers_share_nearly_all_they_hold(exported: Path) -> None:
    """The stem and the blocks' matrices are there once, at two bytes a weight."""
    size = (exported / "bundle" / "image.weights").stat().st_size
    matrices = (27 * 4 + 36 * 8 + 2 * 72 * 8 + 2 * 12 * 32**2) * 2
    patches = sum(8 * (patch // 4) ** 2 + (48 // patch) ** 2 for patch in TIERS) * 32 * 2
    assert matrices + patches <= size < matrices + patches + 4000


def test_the_same_checkpoint_gives_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    named = {"name": "tiny", "version": "1", "licence": "CC0-1.0"}
    export_checkpoint(
        exported / "checkpoint.pt", tmp_path / "again", text=exported / "text", **named
    )
    assert snapshot(tmp_path / "again") == snapshot(exported / "bundle")


def test_tokens_and_gflops_are_those_of_the_towers_pictures(tmp_path: Path) -> None:
    shape = ViTConfig(
        width=32, depth=2, heads=2, dim=16, size=128, grid=8, stem_width=8, stem_blocks=0
    )
    tower = tiny_tower(shape=shape)
    manifest = export_bundle(tmp_path / "bundle", tower=tower, tiers=[16], **NAMED)
    (tier,) = manifest.image.tiers
    assert manifest.preprocess.size == 128
    assert tier.tokens == 64
    # Two blocks of 12*32*32 a token and 2*64*32 a token, patches of 4*4*8*32, a head of 32*16;
    # before them 64*64 places of 27*4 and 32*32 of 36*8.
    multiply_adds = 64 * (2 * (12 * 32**2 + 2 * 64 * 32) + 128 * 32) + 32 * 16
    multiply_adds += 64 * 64 * 27 * 4 + 32 * 32 * 36 * 8
    assert tier.gflops == pytest.approx(multiply_adds / 1e9, abs=0.0005)
    assert torch.is_grad_enabled()


def test_a_bundle_needs_neither_heads_nor_text_nor_calibration(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# A model\n")
    manifest = export_bundle(
        tmp_path / "bundle",
        tower=tiny_tower(shape=SMALL),
        tiers=[8],
        quality={"p_at_1": 0.5},
        card=card,
        **NAMED,
    )
    assert (manifest.heads, manifest.text, manifest.calibration) == ((), None, None)
    assert manifest.quality == {"p_at_1": 0.5}
    assert (tmp_path / "bundle" / "README.md").read_text() == "# A model\n"
    assert set(manifest.files) == {"image-8.onnx", "image.weights"}


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, ["best"]),
        (2, ["best", "fast"]),
        (3, ["best", "balanced", "fast"]),
        (4, ["best", "patch-12", "patch-16", "fast"]),
    ],
)
def test_tiers_are_named_by_their_order(count: int, names: list[str]) -> None:
    assert tier_names([8, 12, 16, 24][:count]) == names


def test_lost_parity_leaves_the_old_bundle_untouched(exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(exported / "bundle", out)
    # A diverged run: every embedding is NaN, which agrees with nothing, itself included.
    tower = tiny_tower()
    torch.nn.init.constant_(tower.head.bias, torch.nan)
    source = tiny_checkpoint(tmp_path / "diverged.pt", tower=tower, tiers=(24,))
    before = snapshot(tmp_path)
    with pytest.raises(ExportError, match=r"cosine nan, not at least 0\.999, over 42 pictures"):
        export_checkpoint(source, out, **NAMED)
    assert snapshot(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "diverged.pt"}


def test_a_checkpoint_that_cannot_be_read_touches_nothing(exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(exported / "bundle", out)
    damaged = tmp_path / "checkpoint.pt"
    damaged.write_bytes((exported / "checkpoint.pt").read_bytes()[:1000])
    before = snapshot(tmp_path)
    with pytest.raises(CheckpointError):
        export_checkpoint(damaged, out, **NAMED)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("tiers", [[], [8, 12, 8]])
def test_tiers_must_be_different_ones(tmp_path: Path, tiers: list[int]) -> None:
    with pytest.raises(ExportError, match="different patch sizes"):
        export_bundle(tmp_path / "bundle", tower=tiny_tower(), tiers=tiers, **NAMED)
    assert list(tmp_path.iterdir()) == []


def test_a_text_tower_into_another_space_is_refused(tmp_path: Path) -> None:
    text = tiny_text(tmp_path / "text", dim=8)
    with pytest.raises(ExportError, match="into 8 dimensions, the image tower into 16"):
        export_bundle(tmp_path / "bundle", tower=tiny_tower(), tiers=[24], text=text, **NAMED)
    assert not (tmp_path / "bundle").exists()


def test_a_card_that_is_not_there_is_named(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    with pytest.raises(ExportError, match=f"no model card at {card}"):
        export_bundle(tmp_path / "bundle", tower=tiny_tower(), tiers=[24], card=card, **NAMED)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_calibration_touches_nothing(tmp_path: Path) -> None:
    source = tiny_checkpoint(tmp_path / "checkpoint.pt")
    (tmp_path / "calibration.json").write_text(CALIBRATION[:20])
    with pytest.raises(ExportError, match=r"calibration\.json"):
        export_checkpoint(source, tmp_path / "bundle", **NAMED)
    assert not (tmp_path / "bundle").exists()
