import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model_export.bundle import ExportError
from model_export.export import export_checkpoint
from service.core.manifest import BundleManifest, PreprocessSpec
from support.tiny_run import TINY, untrained_checkpoint
from training.checkpoint import CheckpointError
from training.config import Stage

NAMED = {"name": "tiny", "version": "2", "licence": "CC0-1.0"}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_manifest_says_what_the_bundle_is(exported: Path) -> None:
    text = (exported / "bundle" / "bundle.json").read_text()
    manifest = BundleManifest.model_validate_json(text)
    assert (manifest.name, manifest.version, manifest.licence) == ("tiny", "1", "CC0-1.0")
    assert manifest.dim == TINY.model.dim
    assert manifest.preprocess == PreprocessSpec(size=48, resize="squash")
    (tier,) = manifest.image.tiers
    assert (tier.file, tier.precision, tier.patch, tier.tokens) == ("image.onnx", "fp32", 16, 9)
    assert manifest.parity is not None
    assert manifest.parity.images == 42
    assert manifest.parity.min_cosine >= 0.9999
    assert manifest.text is None


def test_the_folder_holds_the_files_it_names_with_their_digests(exported: Path) -> None:
    folder = exported / "bundle"
    manifest = BundleManifest.model_validate_json((folder / "bundle.json").read_text())
    names = {file.name for file in folder.iterdir()}
    assert names == {"bundle.json", *manifest.files}
    for name, digest in manifest.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_tokens_and_gflops_are_those_of_the_last_stage(tmp_path: Path) -> None:
    config = replace(TINY, stages=(Stage(32, 16), Stage(128, 16)))
    source = untrained_checkpoint(tmp_path / "checkpoint.pt", config=config)
    manifest = export_checkpoint(source, tmp_path / "bundle", **NAMED)
    (tier,) = manifest.image.tiers
    assert manifest.preprocess.size == 128
    assert tier.tokens == 64
    # Two blocks of 12*32*32 a token and 2*64*32 a token, patches of 768*32, a head of 32*16.
    multiply_adds = 64 * (2 * (12 * 32**2 + 2 * 64 * 32) + 768 * 32) + 32 * 16
    assert tier.gflops == pytest.approx(multiply_adds / 1e9, abs=0.0005)
    assert torch.is_grad_enabled()


def test_lost_parity_leaves_the_old_bundle_untouched(exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(exported / "bundle", out)
    # A diverged run: every embedding is NaN, which agrees with nothing, itself included.
    source = untrained_checkpoint(tmp_path / "diverged.pt", fill=torch.nan)
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
