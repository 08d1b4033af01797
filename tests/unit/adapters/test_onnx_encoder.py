"""The encoder runs what it was asked for, on what it was asked for, or says why not."""

import hashlib
import json
import shutil
from pathlib import Path

import onnxruntime as ort
import pytest

from service.adapters.onnx_encoder import PROVIDERS, OnnxEncoder
from service.core.errors import BundleError, ProviderUnavailableError
from service.settings import DEFAULT_BUNDLE

EXTRAS = {"cuda": "vitrine[gpu]", "openvino": "vitrine[openvino]"}


def test_an_unknown_provider_names_the_known_ones() -> None:
    with pytest.raises(ProviderUnavailableError, match=r"no provider 'tpu'.*cpu, cuda, openvino"):
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


def test_a_file_that_is_no_model_is_refused_and_named(tmp_path: Path) -> None:
    """Its digest is right: somebody exported nonsense."""
    folder = copy_of_default(tmp_path, {"files": {"image.onnx": sha256(b"not a model")}})
    (folder / "image.onnx").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"image\.onnx cannot be loaded"):
        OnnxEncoder(folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"dim": 64}, "embedding"), ({"preprocess": {"size": 96}}, "images")],
    ids=["dim", "size"],
)
def test_a_graph_that_is_not_what_the_manifest_says_is_refused(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        OnnxEncoder(copy_of_default(tmp_path, change))


def copy_of_default(folder: Path, change: dict[str, object]) -> Path:
    manifest = json.loads((DEFAULT_BUNDLE / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, **change}))
    shutil.copyfile(DEFAULT_BUNDLE / "image.onnx", folder / "image.onnx")
    return folder


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
