"""A bundle gains the variants that the gate lets in, whole; otherwise it stays as it was."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from model_export.bundle import ExportError, write_manifest
from model_export.gate import Pictures, pictures_of
from model_export.sample import read_sample
from model_export.truncate import Cut
from model_export.variants import Plan, make_variants
from model_export.verdict import GateError, Limits
from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.keys import bundle_digest
from service.core.manifest import PreprocessSpec
from support.hand_made_bundle import shapes_catalogue
from support.product_bundle import product_bundle

LENIENT = Limits(p_at_1_loss=0.1, top10_loss=0.3)
Runs = Mapping[str, Callable[[], object]]


def faster(runs: Runs, images: int, rounds: int) -> dict[str, float]:
    """As if every variant were faster than its tier, the first one named most."""
    return {name: 400.0 - i if name else 100.0 for i, name in enumerate(runs)}


def slower(runs: Runs, images: int, rounds: int) -> dict[str, float]:
    return {name: 50.0 if name else 100.0 for name in runs}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    path = shapes_catalogue(tmp_path_factory.mktemp("shop") / "shapes.parquet", 64)
    return pictures_of(read_sample([path], count=64), PreprocessSpec(size=48), 16)


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    """The tiny bundle of three tiers, heads and text, with a card; to be changed."""
    folder = tmp_path / "bundle"
    shutil.copytree(exported / "bundle", folder)
    (folder / "README.md").write_text("# Tiny\n")
    return folder


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return product_bundle(tmp_path / "bundle")


def test_int8_tiers_stand_beside_those_they_were_made_of(copied: Path, pictures: Pictures) -> None:
    before, old = snapshot(copied), read_bundle(copied)
    said: list[str] = []
    plan = Plan(("int8",), limits=LENIENT)
    manifest = make_variants(copied, copied, pictures, plan, timer=faster, report=said.append)
    assert read_bundle(copied) == manifest
    assert bundle_digest(manifest) == bundle_digest(old)
    assert manifest.image.tiers[:3] == old.image.tiers
    assert {name: data for name, data in snapshot(copied).items() if name in before} == {
        **before,
        "bundle.json": (copied / "bundle.json").read_bytes(),
    }
    assert [(t.name, t.file, t.precision, t.weights) for t in manifest.image.tiers[3:]] == [
        ("best-int8", "image-8-int8.onnx", "int8", "image-int8.weights"),
        ("balanced-int8", "image-12-int8.onnx", "int8", "image-int8.weights"),
        ("fast-int8", "image-24-int8.onnx", "int8", "image-int8.weights"),
    ]
    assert {path.name for path in copied.iterdir()} == {"bundle.json", "README.md", *manifest.files}
    assert [line for line in said if line.startswith("fast-int8: measuring")]
    for tier in manifest.image.tiers[3:]:
        assert tier.gate is not None
        assert (tier.gate.of, tier.gate.pictures) == (tier.name.removesuffix("-int8"), 48)
        variant, of = OnnxEncoder(copied, tier=tier.name), OnnxEncoder(copied, tier=tier.gate.of)
        found, named = variant.classify(pictures.spare)
        cosines = (found * of.encode(pictures.spare)).sum(axis=1)
        assert tier.gate.cosine_p1 - 0.02 < cosines.min() < 0.999999
        assert named["category"].shape == (16, 3)


def test_int8_tiers_hold_what_they_have_in_common_once(copied: Path, pictures: Pictures) -> None:
    make_variants(copied, copied, pictures, Plan(("int8",), limits=LENIENT), timer=faster)
    matrices = 2 * 12 * 32**2
    patches = sum(8 * (patch // 4) ** 2 * 32 for patch in (8, 12, 24))
    size = (copied / "image-int8.weights").stat().st_size
    assert matrices + patches <= size < matrices + patches + 20_000
    again = copied.with_name("again")
    make_variants(copied, again, pictures, Plan(("int8",), limits=LENIENT), timer=faster)
    assert snapshot(again) == snapshot(copied)


def test_float16_tiers_read_the_weights_that_are_there(copied: Path, pictures: Pictures) -> None:
    manifest = make_variants(copied, copied, pictures, Plan(("fp16",)), timer=faster)
    variants = [tier for tier in manifest.image.tiers if tier.gate]
    assert [tier.name for tier in variants] == ["best-fp16", "balanced-fp16", "fast-fp16"]
    graph = onnx.load(copied / "image-24-fp16.onnx", load_external_data=False).graph
    large = [tensor for tensor in graph.initializer if np.prod(tensor.dims) >= 1024]
    places = {entry.value for t in large for entry in t.external_data if entry.key == "location"}
    assert {tensor.data_type for tensor in large} == {onnx.TensorProto.FLOAT16}
    assert "image.weights" in places
    # Its own are the patch embeddings, which are stored turned.
    assert (copied / "image-fp16.weights").stat().st_size < 30_000
    for tier in variants:
        assert tier.gate is not None
        assert tier.gate.cosine_p1 > 0.999
        OnnxEncoder(copied, tier=tier.name).encode(pictures.spare)


def test_variants_of_a_precision_replace_those_that_are_there(
    copied: Path, pictures: Pictures
) -> None:
    make_variants(copied, copied, pictures, Plan(("int8", "fp16"), limits=LENIENT), timer=faster)
    plan = Plan(("int8",), tiers=("fast",), limits=LENIENT)
    manifest = make_variants(copied, copied, pictures, plan, timer=faster)
    names = [tier.name for tier in manifest.image.tiers if tier.gate]
    assert names == ["best-fp16", "balanced-fp16", "fast-fp16", "fast-int8"]
    assert "image-8-int8.onnx" not in manifest.files
    assert {path.name for path in copied.iterdir()} == {"bundle.json", "README.md", *manifest.files}
    read_bundle(copied)


def test_a_variant_that_loses_too_much_leaves_the_bundle_as_it_was(
    tmp_path: Path, pictures: Pictures
) -> None:
    """One input is two hundred times the others: eight bits of one scale hold nothing else."""
    sound, spoilt = product_bundle(tmp_path / "sound"), product_bundle(tmp_path / "b", outlier=200)
    make_variants(sound, sound, pictures, Plan(("int8",), limits=LENIENT), timer=faster)
    before = snapshot(spoilt)
    with pytest.raises(GateError, match="best-int8 is refused: ") as refused:
        make_variants(spoilt, spoilt, pictures, Plan(("int8",), limits=LENIENT), timer=faster)
    (line,) = str(refused.value).splitlines()
    assert "of the top 10 differ, of at most 30 %" in line
    assert "top-10 agreement" in line
    assert snapshot(spoilt) == before
    assert {path.name for path in tmp_path.iterdir()} == {"sound", "b"}


def test_every_refusal_is_named_and_none_of_the_others_is_written(
    copied: Path, pictures: Pictures
) -> None:
    before = snapshot(copied)
    with pytest.raises(GateError) as refused:
        make_variants(copied, copied, pictures, Plan(("int8",), limits=LENIENT), timer=slower)
    lines = str(refused.value).splitlines()
    assert [line.split()[0] for line in lines] == ["best-int8", "balanced-int8", "fast-int8"]
    assert all("it is not faster, at 100.0 -> 50.0 (0.50x) at batch 1" in line for line in lines)
    assert snapshot(copied) == before


def test_a_slower_variant_is_kept_where_that_is_wanted(product: Path, pictures: Pictures) -> None:
    plan = Plan(("int8",), limits=replace(LENIENT, keep_slower=True))
    manifest = make_variants(product, product, pictures, plan, timer=slower)
    gate = manifest.image.tiers[-1].gate
    assert gate is not None
    assert [(rate.before, rate.after) for rate in gate.rates] == [(100, 50), (100, 50)]


def test_an_interruption_leaves_the_bundle_as_it_was(product: Path, pictures: Pictures) -> None:
    def interrupted(runs: Runs, images: int, rounds: int) -> dict[str, float]:
        raise KeyboardInterrupt

    before = snapshot(product.parent)
    with pytest.raises(KeyboardInterrupt):
        make_variants(product, product, pictures, Plan(("int8",)), timer=interrupted)
    assert snapshot(product.parent) == before
    assert list(product.parent.iterdir()) == [product]


def test_shorter_vectors_lose_the_variants_whose_figures_were_of_longer_ones(
    product: Path, tmp_path: Path, pictures: Pictures
) -> None:
    limits = Limits(p_at_1_loss=1, top10_loss=1)
    make_variants(product, product, pictures, Plan(("int8",), limits=limits), timer=faster)
    out = tmp_path / "short"
    plan = Plan(cut=Cut(8), limits=limits)
    manifest = make_variants(product, out, pictures, plan, timer=faster)
    assert [tier.name for tier in manifest.image.tiers] == ["best"]
    assert {path.name for path in out.iterdir()} == {"bundle.json", "image.onnx"}
    assert [tier.name for tier in read_bundle(product).image.tiers] == ["best", "best-int8"]
    both = replace(plan, precisions=("int8",))
    manifest = make_variants(product, out, pictures, both, timer=faster)
    assert [tier.name for tier in manifest.image.tiers] == ["best", "best-int8"]
    assert OnnxEncoder(out, tier="best-int8").encode(pictures.spare).shape == (16, 8)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(), "nothing to make: give --precision int8"),
        (Plan(("int4",)), "no precision 'int4'; choose int8 or fp16"),
        (Plan(("int8",), tiers=("fast", "best")), "no tier fast to make variants of; .* are best"),
    ],
)
def test_a_plan_that_does_not_fit_touches_nothing(
    product: Path, pictures: Pictures, plan: Plan, message: str
) -> None:
    before = snapshot(product)
    with pytest.raises(ExportError, match=message):
        make_variants(product, product, pictures, plan)
    assert snapshot(product) == before


def test_a_bundle_without_names_is_to_be_exported_again(product: Path, pictures: Pictures) -> None:
    manifest = read_bundle(product)
    tier = manifest.image.tiers[0].model_copy(update={"name": None})
    image = manifest.image.model_copy(update={"tiers": (tier,)})
    write_manifest(product, manifest.model_copy(update={"image": image}))
    with pytest.raises(ExportError, match="tiers have no names"):
        make_variants(product, product, pictures, Plan(("int8",)))
