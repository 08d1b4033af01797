"""The manifests refuse what they do not understand, and say which part that is."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.core.manifest import (
    BundleManifest,
    ImageTower,
    PreprocessSpec,
    Receipt,
    SnapshotManifest,
    TextTower,
)


@pytest.fixture
def snapshot_manifest() -> SnapshotManifest:
    return SnapshotManifest(
        version=3,
        bundle_digest="a" * 64,
        bundle_name="vitrine-test",
        dim=64,
        rows=10,
        products=8,
        index_factory="Flat",
        sequence=12,
        built_at="2025-01-01T00:00:00Z",
        files={"vectors.faiss": "b" * 64},
        receipt=Receipt(
            products=8, seen=10, embedded=9, reused=1, failed=0, removed=0, seconds=1.5
        ),
    )


def test_manifests_survive_their_files(
    bundle_manifest: BundleManifest, snapshot_manifest: SnapshotManifest
) -> None:
    for manifest in (bundle_manifest, snapshot_manifest):
        assert type(manifest).model_validate_json(manifest.model_dump_json()) == manifest


def test_an_unknown_field_is_named(
    bundle_manifest: BundleManifest, snapshot_manifest: SnapshotManifest
) -> None:
    for manifest in (bundle_manifest, snapshot_manifest):
        newer = manifest.model_dump() | {"from_the_future": 1}
        with pytest.raises(ValidationError, match="from_the_future"):
            type(manifest).model_validate(newer)


def test_an_unknown_field_further_in_is_named(bundle_manifest: BundleManifest) -> None:
    fields = bundle_manifest.model_dump()
    fields["preprocess"]["mean"] = [0.5, 0.5, 0.5]
    with pytest.raises(ValidationError, match=r"preprocess\.mean"):
        BundleManifest.model_validate(fields)


def test_published_values_are_frozen(bundle_manifest: BundleManifest) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        bundle_manifest.dim = 128
    with pytest.raises(ValidationError, match="frozen"):
        bundle_manifest.preprocess.size = 32


def test_every_file_without_a_digest_is_named_at_once(bundle_manifest: BundleManifest) -> None:
    text = TextTower(file="text.onnx", tokenizer="tokenizer.json", max_length=64)
    fields = bundle_manifest.model_dump() | {
        "text": text.model_dump(),
        "files": {"image.onnx": "a" * 64},
    }
    with pytest.raises(ValidationError, match=r"sha256: fast.onnx, text.onnx, tokenizer.json"):
        BundleManifest.model_validate(fields)


def test_a_bundle_needs_a_tier() -> None:
    with pytest.raises(ValidationError, match="tiers"):
        ImageTower(tiers=())


def test_a_manifest_without_the_newer_fields_is_read(bundle_manifest: BundleManifest) -> None:
    fields = bundle_manifest.model_dump(mode="json")
    del fields["image"]["weights"]
    for tier in fields["image"]["tiers"]:
        del tier["name"]
    read = BundleManifest.model_validate(fields)
    assert read == bundle_manifest
    assert (read.image.weights, read.image.tiers[0].name) == (None, None)


def test_shared_weights_need_a_digest(bundle_manifest: BundleManifest) -> None:
    fields = bundle_manifest.model_dump()
    fields["image"]["weights"] = "image.weights"
    with pytest.raises(ValidationError, match=r"sha256: image.weights"):
        BundleManifest.model_validate(fields)
    fields["files"]["image.weights"] = "c" * 64
    assert BundleManifest.model_validate(fields).image.weights == "image.weights"


def with_variant(manifest: BundleManifest, **gate: object) -> dict[str, Any]:
    """Fields of the manifest with an int8 variant of its first tier, `best`."""
    fields = manifest.model_dump()
    first, *others = fields["image"]["tiers"]
    first["name"] = "best"
    figures = {"pictures": 9, "top10_agreement": 0.99, "cosine_mean": 0.9999, "cosine_p1": 0.99}
    variant = {"name": "best-int8", "file": "int8.onnx", "weights": "int8.weights"}
    variant["gate"] = {"of": "best", "recipe": "dynamic", **figures, **gate}
    fields["image"]["tiers"] = [first, *others, {**first, **variant}]
    fields["files"] |= {"int8.onnx": "c" * 64, "int8.weights": "d" * 64}
    return fields


def test_a_variant_survives_its_file_and_tiers_say_nothing_of_gates(
    bundle_manifest: BundleManifest,
) -> None:
    manifest = BundleManifest.model_validate(with_variant(bundle_manifest))
    text = manifest.model_dump_json()
    assert BundleManifest.model_validate_json(text) == manifest
    assert manifest.image.tiers[-1].gate is not None
    assert text.count('"gate"') == text.count('"weights":"int8.weights"') == 1
    assert "gate" not in bundle_manifest.model_dump_json()
    assert "truncation" not in bundle_manifest.model_dump_json()


@pytest.mark.parametrize(
    ("gate", "complaint"),
    [
        ({"of": "worst"}, "variants of tiers that are not there: worst"),
        ({"of": "best-int8"}, "variants of tiers that are not there: best-int8"),
        ({"top10_agreement": 1.01}, "top10_agreement"),
        ({"cosine_p1": "high"}, "cosine_p1"),
        ({"rates": [{"batch": 1, "before": 10.0}]}, r"rates\.0\.after"),
        ({"blessed": True}, "blessed"),
    ],
)
def test_the_figures_of_a_variant_are_judged_as_all_else(
    bundle_manifest: BundleManifest, gate: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        BundleManifest.model_validate(with_variant(bundle_manifest, **gate))


def test_the_default_is_not_a_variant_and_variants_weights_need_a_digest(
    bundle_manifest: BundleManifest,
) -> None:
    fields = with_variant(bundle_manifest)
    del fields["files"]["int8.weights"]
    with pytest.raises(ValidationError, match=r"sha256: int8.weights"):
        BundleManifest.model_validate(fields)
    fields = with_variant(bundle_manifest)
    fields["image"]["tiers"].reverse()
    with pytest.raises(ValidationError, match="the first tier is the default"):
        BundleManifest.model_validate(fields)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["fast", "fast"], "several tiers have one name: fast, fast"),
        (["best", ""], r"tiers\.1\.name"),
        (["Best one", None], r"tiers\.0\.name"),
    ],
)
def test_a_tiers_name_is_a_word_of_its_own(
    bundle_manifest: BundleManifest, names: list[str | None], complaint: str
) -> None:
    fields = bundle_manifest.model_dump()
    for tier, name in zip(fields["image"]["tiers"], names, strict=True):
        tier["name"] = name
    with pytest.raises(ValidationError, match=complaint):
        BundleManifest.model_validate(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"size": 15},
        {"size": 2049},
        {"size": 224, "crop_pct": 0.0},
        {"size": 224, "crop_pct": 1.01},
        {"size": 224, "resize": "stretch"},
        {"size": 224, "interpolation": "nearest"},
        {"size": 224, "background": (255, 255)},
        {"size": 224, "resize_side": 223},
        {"size": 224, "resize_side": 256, "resize": "pad"},
        {"size": 224, "resize_side": 256, "resize": "shortest", "crop_pct": 0.9},
        {"size": 224, "decoding": "slow"},
    ],
)
def test_a_preprocessing_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PreprocessSpec.model_validate(fields)


def test_the_newer_fields_are_written_only_where_they_are_used() -> None:
    assert PreprocessSpec(size=224).model_dump().keys() == {
        "size", "resize", "crop_pct", "interpolation", "background",
    }  # fmt: skip
    newer = {"resize_side": 256, "decoding": "faithful"}
    spec = PreprocessSpec(size=224, **newer)
    assert newer.items() <= spec.model_dump().items()
    assert PreprocessSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_receipt_from_before_is_read(snapshot_manifest: SnapshotManifest) -> None:
    """It had no new, changed and coverage, and another name for what was removed."""
    old = snapshot_manifest.model_dump()
    old["receipt"] = {
        "products": 8,
        "seen": 10,
        "embedded": 9,
        "reused": 1,
        "failed": 0,
        "removed_products": 3,
        "seconds": 1.5,
    }
    receipt = SnapshotManifest.model_validate(old).receipt
    assert (receipt.removed, receipt.new, receipt.changed, receipt.coverage) == (3, 0, 0, None)
    assert "removed_products" not in receipt.model_dump()
