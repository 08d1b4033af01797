"""The encoder runs what it was asked for, on what it was asked for, or says why not."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from service.adapters.onnx_encoder import PROVIDERS, OnnxEncoder, halved
from service.core.errors import BundleError, ProviderUnavailableError
from service.settings import DEFAULT_BUNDLE
from support.tiny_bundle import noise

EXTRAS = {"cuda": "vitrine[gpu]", "tensorrt": "vitrine[gpu]", "openvino": "vitrine[openvino]"}


def test_an_unknown_provider_names_the_known_ones() -> None:
    with pytest.raises(
        ProviderUnavailableError, match=r"no provider 'tpu'.*cpu, cuda, tensorrt, openvino"
    ):
        OnnxEncoder(DEFAULT_BUNDLE, provider="tpu")


@pytest.mark.parametrize("provider", EXTRAS)
def test_a_provider_that_is_not_installed_names_its_extra(provider: str) -> None:
    if PROVIDERS[provider] in ort.get_available_providers():
        pytest.skip(f"{provider} is installed here")
    with pytest.raises(ProviderUnavailableError) as refused:
        OnnxEncoder(DEFAULT_BUNDLE, provider=provider)
    assert EXTRAS[provider] in str(refused.value)
    assert PROVIDERS[provider] in str(refused.value)


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        OnnxEncoder(tmp_path)


def test_a_file_that_is_no_model_is_refused_and_named(tiny: Path, tmp_path: Path) -> None:
    """Its digest is right: somebody exported nonsense."""
    files = json.loads((tiny / "bundle.json").read_text())["files"]
    files["image-8.onnx"] = sha256(b"not a model")
    folder = changed(tiny, tmp_path / "bundle", files=files)
    (folder / "image-8.onnx").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"image-8\.onnx cannot be loaded"):
        OnnxEncoder(folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"dim": 64}, "embedding"), ({"preprocess": {"size": 96}}, "images")],
    ids=["dim", "size"],
)
def test_a_graph_that_is_not_what_the_manifest_says_is_refused(
    tiny: Path, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        OnnxEncoder(changed(tiny, tmp_path / "bundle", **change))


# ---- a bundle of several tiers and heads ----


def test_the_first_tier_is_the_default_and_others_go_by_name(tiny: Path) -> None:
    encoders = {name: OnnxEncoder(tiny, tier=name, threads=1) for name in (None, "best", "fast")}
    assert [(e.tier.name, e.tier.patch) for e in encoders.values()] == [
        ("best", 8),
        ("best", 8),
        ("fast", 24),
    ]
    default, best, fast = (encoder.encode(noise(3)) for encoder in encoders.values())
    np.testing.assert_array_equal(default, best)
    assert fast.shape == best.shape == (3, 16)
    assert np.abs(fast - best).max() > 1e-3
    assert len({encoder.bundle_digest for encoder in encoders.values()}) == 1


def test_a_tier_that_is_not_there_names_those_that_are(tiny: Path) -> None:
    with pytest.raises(BundleError, match=r"no tier 'tiny'; it has best, balanced, fast"):
        OnnxEncoder(tiny, tier="tiny")


def test_a_bundle_whose_tiers_have_no_names_has_its_default_alone(
    tiny: Path, tmp_path: Path
) -> None:
    image = json.loads((tiny / "bundle.json").read_text())["image"]
    for tier in image["tiers"]:
        del tier["name"]
    folder = changed(tiny, tmp_path / "bundle", image=image)
    assert OnnxEncoder(folder, threads=1).tier.name is None
    with pytest.raises(BundleError, match=r"no tier 'fast'; it has image-8\.onnx without a name"):
        OnnxEncoder(folder, tier="fast")


def test_on_a_gpu_a_tiers_float16_variant_stands_in_for_it_and_on_the_cpu_it_does_not(
    tiny: Path, tmp_path: Path
) -> None:
    manifest = json.loads((tiny / "bundle.json").read_text())
    best, _, fast = manifest["image"]["tiers"]
    gate = json.loads((DEFAULT_BUNDLE / "bundle.json").read_text())["image"]["tiers"][3]["gate"]
    variants = [
        {
            **fast,
            "name": f"fast-{precision}",
            "precision": precision,
            "gate": {**gate, "of": "fast"},
        }
        for precision in ("int8", "fp16")
    ]
    manifest["image"]["tiers"] += variants
    folder = changed(tiny, tmp_path / "bundle", image=manifest["image"])
    encoder = OnnxEncoder(folder, tier="fast", threads=1)
    assert (encoder.tier.name, encoder.tier.precision) == ("fast", "fp32")
    assert halved(encoder.manifest, encoder.tier).name == "fast-fp16"
    default = OnnxEncoder(folder, threads=1)
    assert halved(default.manifest, default.tier).name == best["name"]  # has none


def test_one_run_embeds_and_names(tiny: Path) -> None:
    encoder = OnnxEncoder(tiny, threads=1)
    vectors, heads = encoder.classify(noise(5))
    np.testing.assert_array_equal(vectors, encoder.encode(noise(5)))
    assert {name: found.shape for name, found in heads.items()} == {
        "category": (5, 3),
        "colour": (5, 4),
    }
    for probabilities in heads.values():
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(heads["colour"], axis=1).min() > 0.01


def test_a_bundle_without_heads_names_nothing(tiny: Path, tmp_path: Path) -> None:
    encoder = OnnxEncoder(changed(tiny, tmp_path / "bundle", heads=[]), threads=1)
    assert encoder.classify(noise(1))[1] == {}


@pytest.mark.parametrize(
    "head",
    [
        {"output": "head_colour", "name": "colour", "labels": ["Red", "Blue"]},
        {"output": "head_usage", "name": "usage", "labels": ["Sports"]},
    ],
    ids=["labels", "missing"],
)
def test_a_head_that_is_not_what_the_manifest_says_is_refused(
    tiny: Path, tmp_path: Path, head: dict[str, object]
) -> None:
    folder = changed(tiny, tmp_path / "bundle", heads=[head])
    with pytest.raises(BundleError, match=str(head["output"])):
        OnnxEncoder(folder)


def test_damaged_shared_weights_are_refused_and_named(tiny: Path, tmp_path: Path) -> None:
    folder = changed(tiny, tmp_path / "bundle")
    data = bytearray((folder / "image.weights").read_bytes())
    data[-1] ^= 1
    (folder / "image.weights").write_bytes(data)
    with pytest.raises(BundleError, match=r"image\.weights has sha256"):
        OnnxEncoder(folder)


def changed(tiny: Path, folder: Path, **changes: object) -> Path:
    """A copy of the bundle whose manifest says something else."""
    shutil.copytree(tiny, folder)
    manifest = json.loads((tiny / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, **changes}))
    return folder


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
