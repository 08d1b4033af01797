"""What is wrong with a bundle is named; what is sound is summed up, and measured again."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from model_export.bundle import file_digest, write_manifest
from model_export.gate import GateSample, Pictures
from model_export.variants import Plan, make_variants
from model_export.verdict import GateError, Limits
from model_export.verify import gate_again, look_over, summary
from service.adapters.bundles import read_bundle
from service.core.errors import BundleError
from service.core.manifest import Parity
from support.product_bundle import product_bundle
from support.tiny_bundle import noise

LENIENT = Limits(p_at_1_loss=1, top10_loss=0.5)
PICTURES = Pictures(GateSample(noise(24), ["a", "b"] * 12), noise(12))
Runs = Mapping[str, Callable[[], object]]


def faster(runs: Runs, images: int, rounds: int) -> dict[str, float]:
    return {name: 200.0 if name else 100.0 for name in runs}


def slower(runs: Runs, images: int, rounds: int) -> dict[str, float]:
    return {name: 50.0 if name else 100.0 for name in runs}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of one tier and its int8 variant."""
    folder = product_bundle(tmp_path / "bundle")
    make_variants(folder, folder, PICTURES, Plan(("int8",), limits=LENIENT), timer=faster)
    return folder


def test_a_sound_bundle_is_summed_up(folder: Path, exported: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    about, best, variant, strays = summary(folder, look_over(folder))
    assert about.startswith(f"{folder}: product 1, schema 1, digest ")
    assert "3 files as bundle.json says" in about
    assert best == "tier best: fp32, 9 tokens"
    assert variant.startswith("tier best-int8: int8 of best, ")
    assert "images/s 100.0 -> 200.0 (2.00x) at batch 1" in variant
    assert strays == "files that bundle.json does not name: notes.txt"
    tiny = exported / "bundle"
    parity = next(line for line in summary(tiny, look_over(tiny)) if line.startswith("parity"))
    assert "over 42 pictures" in parity


def test_a_bundle_edited_by_hand_is_named_file_by_file(folder: Path) -> None:
    with (folder / "image-int8.onnx").open("ab") as file:
        file.write(b"\0")
    (folder / "image.onnx").unlink()
    with pytest.raises(BundleError, match=r"lacks image\.onnx; .*image-int8\.onnx has sha256 "):
        look_over(folder)


def test_a_file_that_is_not_the_graph_promised_is_named(folder: Path) -> None:
    manifest = read_bundle(folder)
    write_manifest(folder, manifest.model_copy(update={"dim": 7}))
    with pytest.raises(BundleError, match=r"image\.onnx is not the graph that bundle\.json"):
        look_over(folder)


@pytest.mark.parametrize(("cosine", "difference"), [(0.99, 0.001), (0.9999, 0.5)])
def test_an_export_that_differs_from_its_model_is_refused(
    folder: Path, cosine: float, difference: float
) -> None:
    parity = Parity(images=42, min_cosine=cosine, max_abs_difference=difference)
    write_manifest(folder, read_bundle(folder).model_copy(update={"parity": parity}))
    with pytest.raises(GateError, match="the export differs from its model: cosine"):
        look_over(folder)


def test_the_gate_says_again_what_it_said(folder: Path) -> None:
    said: list[str] = []
    manifest = look_over(folder)
    (line,) = gate_again(folder, manifest, PICTURES, LENIENT, timer=faster, report=said.append)
    gate = manifest.image.tiers[-1].gate
    assert gate is not None
    assert line.startswith(f"best-int8 passes: {gate.recipe}: ")
    assert f"top-10 agreement {100 * gate.top10_agreement:.2f} %" in line
    assert said == ["best-int8: measuring ..."]


def test_a_variant_that_does_not_gain_here_is_refused_here(folder: Path) -> None:
    with pytest.raises(GateError, match="best-int8 is refused: it is not faster"):
        gate_again(folder, look_over(folder), PICTURES, LENIENT, timer=slower)


@pytest.mark.parametrize(
    ("factor", "complaint"), [(0.0, "of the top 10 differ"), (np.nan, "no finite numbers")]
)
def test_a_variant_whose_weights_were_spoilt_does_not_pass(
    folder: Path, factor: float, complaint: str
) -> None:
    """Even if whoever did it wrote the new digests into bundle.json."""
    file = folder / "image-int8.onnx"
    model = onnx.load(file)
    (scale,) = [t for t in model.graph.initializer if t.name == "matrix_scale"]
    values = numpy_helper.to_array(scale).copy()
    values[::2] *= factor
    scale.CopyFrom(numpy_helper.from_array(values, scale.name))
    manifest = read_bundle(folder)
    onnx.save(model, file, save_as_external_data=False)
    files = manifest.files | {file.name: file_digest(file)}
    write_manifest(folder, manifest.model_copy(update={"files": files}))
    manifest = look_over(folder)
    with pytest.raises(GateError, match=f"best-int8 is refused: .*{complaint}"):
        gate_again(folder, manifest, PICTURES, Limits(), timer=faster)


def test_a_bundle_without_variants_has_nothing_to_measure(tmp_path: Path) -> None:
    folder = product_bundle(tmp_path / "plain")
    assert gate_again(folder, look_over(folder), PICTURES, LENIENT) == []
