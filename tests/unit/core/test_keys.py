"""Identity: equal where nothing that matters differs, different where anything does."""

import hashlib
import json
from itertools import product

import pytest

from service.core.crop import Box
from service.core.keys import (
    bundle_digest,
    crop_id,
    embedding_key,
    image_digest,
    text_tower_digest,
)
from service.core.manifest import BundleManifest, Head, Parity, TextTower
from service.settings import DEFAULT_BUNDLE


def test_a_picture_is_known_by_its_bytes() -> None:
    # FIPS 180-2, appendix B.1.
    assert image_digest(b"abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert image_digest(b"abc") != image_digest(b"abd")


def test_the_digest_of_a_bundle_is_pinned(bundle_manifest: BundleManifest) -> None:
    """A change here re-embeds every catalogue there is: make it on purpose."""
    assert bundle_digest(bundle_manifest) == (
        "09d45e550cf4ec323e907c20485fbe441bf6132a52635e7b8556f5a58d159aa6"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 65},
        {"files": {"image.onnx": "c" * 64, "fast.onnx": "b" * 64}},
        {"files": {"image.onnx": "a" * 64, "fast.onnx": "c" * 64}},
    ],
)
def test_another_graph_is_another_model(
    bundle_manifest: BundleManifest, change: dict[str, object]
) -> None:
    changed = bundle_manifest.model_copy(update=change)
    assert bundle_digest(changed) != bundle_digest(bundle_manifest)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 256},
        {"resize": "pad"},
        {"crop_pct": 0.9},
        {"interpolation": "bilinear"},
        {"background": (0, 0, 0)},
        {"resize_side": 256},
        {"decoding": "faithful"},
    ],
)
def test_another_preprocessing_is_another_model(
    bundle_manifest: BundleManifest, change: dict[str, object]
) -> None:
    spec = bundle_manifest.preprocess.model_copy(update=change)
    changed = bundle_manifest.model_copy(update={"preprocess": spec})
    assert bundle_digest(changed) != bundle_digest(bundle_manifest)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "renamed", "version": "2", "licence": "MIT"},
        {"quality": {"p_at_1": 0.9}, "calibration": {"a": 1.0}},
        {"parity": Parity(images=9, min_cosine=0.9999, max_abs_difference=1e-4)},
        {"heads": (Head(output="kind", name="kind", labels=("shirt", "shoe")),)},
        {"text": TextTower(file="text.onnx", tokenizer="tokenizer.json", max_length=64)},
        {"files": {"fast.onnx": "b" * 64, "image.onnx": "a" * 64, "text.onnx": "d" * 64}},
    ],
)
def test_what_changes_no_vector_keeps_the_digest(
    bundle_manifest: BundleManifest, change: dict[str, object]
) -> None:
    changed = bundle_manifest.model_copy(update=change)
    assert bundle_digest(changed) == bundle_digest(bundle_manifest)


def test_the_order_of_tiers_matters(bundle_manifest: BundleManifest) -> None:
    """The first tier is the default, so swapping them changes the vectors."""
    tower = bundle_manifest.image.model_copy(update={"tiers": bundle_manifest.image.tiers[::-1]})
    swapped = bundle_manifest.model_copy(update={"image": tower})
    assert bundle_digest(swapped) != bundle_digest(bundle_manifest)


def shared(manifest: BundleManifest, weights: str) -> BundleManifest:
    """The manifest with weights of that digest in a file of their own."""
    tower = manifest.image.model_copy(update={"weights": "image.weights"})
    files = manifest.files | {"image.weights": weights}
    return manifest.model_copy(update={"image": tower, "files": files})


def test_other_shared_weights_are_another_model(bundle_manifest: BundleManifest) -> None:
    digests = {bundle_digest(shared(bundle_manifest, letter * 64)) for letter in "cd"}
    assert len(digests | {bundle_digest(bundle_manifest)}) == 3


def test_names_of_tiers_change_no_vector(bundle_manifest: BundleManifest) -> None:
    fields = bundle_manifest.model_dump()
    fields["image"]["tiers"][0]["name"] = "best"
    renamed = BundleManifest.model_validate(fields)
    assert bundle_digest(renamed) == bundle_digest(bundle_manifest)


def test_variants_of_a_tier_change_no_vector(bundle_manifest: BundleManifest) -> None:
    """They stand in for the tier: adding, remaking or removing one re-embeds nothing."""
    fields = bundle_manifest.model_dump()
    fields["image"]["tiers"][0]["name"] = "best"
    gate = {"of": "best", "recipe": "dynamic", "pictures": 9, "top10_agreement": 0.99}
    variant = {**fields["image"]["tiers"][0], "name": "best-int8", "file": "int8.onnx"}
    variant |= {"weights": "int8.weights", "precision": "int8"}
    variant["gate"] = {**gate, "cosine_mean": 0.9999, "cosine_p1": 0.999}
    fields["image"]["tiers"] = [*fields["image"]["tiers"], variant]
    for letter in "cd":
        fields["files"] |= {"int8.onnx": letter * 64, "int8.weights": letter * 64}
        added = BundleManifest.model_validate(fields)
        assert bundle_digest(added) == bundle_digest(bundle_manifest)


def test_a_file_written_and_read_again_keeps_the_digest(bundle_manifest: BundleManifest) -> None:
    again = BundleManifest.model_validate_json(bundle_manifest.model_dump_json())
    assert bundle_digest(again) == bundle_digest(bundle_manifest)


def test_a_cache_key_needs_the_picture_the_bundle_and_the_tier() -> None:
    assert len({embedding_key(*each) for each in product(("aa", "ab"), repeat=3)}) == 8
    assert embedding_key("picture", "bundle", "fast") == "vitrine:e3:picture:bundle:fast"


def test_a_crop_is_another_picture_and_the_same_crop_the_same() -> None:
    boxes = [None, Box(0, 0, 1, 0.5), Box(0, 0, 0.5, 1), Box(0, 0, 0.1, 1), Box(0, 0, 0.10001, 1)]
    assert len({crop_id("picture", box) for box in boxes}) == len(boxes)
    assert crop_id("picture", Box(0, 0, 1, 0.5)) == crop_id("picture", Box(0, 0, 1, 0.5))


def test_words_have_the_identity_of_their_tower_alone(bundle_manifest: BundleManifest) -> None:
    assert text_tower_digest(bundle_manifest) is None
    files = {"text.onnx": "c" * 64, "tokenizer.json": "d" * 64}

    def tower(**changed: str) -> str | None:
        text = TextTower(file="text.onnx", tokenizer="tokenizer.json", max_length=8)
        all_files = {**bundle_manifest.files, **files, **changed}
        return text_tower_digest(
            bundle_manifest.model_copy(update={"text": text, "files": all_files})
        )

    assert tower() == tower(**{"image.onnx": "e" * 64})
    others = [tower(**{name: "e" * 64}) for name in files]
    assert len({tower(), *others}) == 3


def test_the_bundle_that_ships_keeps_its_digest() -> None:
    """Neither fields that it does not use, added since, nor its variants ask for new vectors."""
    manifest = BundleManifest.model_validate_json((DEFAULT_BUNDLE / "bundle.json").read_text())
    tiers = [manifest.files[tier.file] for tier in manifest.image.tiers if not tier.gate]
    identity = {
        "dim": 256,
        "preprocess": {
            "size": 96,
            "resize": "squash",
            "crop_pct": 1.0,
            "interpolation": "bicubic",
            "background": [255, 255, 255],
        },
        "tiers": tiers,
        "weights": manifest.files["image.weights"],
    }
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    assert bundle_digest(manifest) == hashlib.sha256(canonical.encode()).hexdigest()
