"""Fixtures for every test."""

import warnings

import pytest

from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Tier


@pytest.fixture(autouse=True)
def _pillow_stays_quiet() -> None:
    """Put back the filter that `service.core.image` sets at import: pytest resets them per test."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@pytest.fixture
def bundle_manifest() -> BundleManifest:
    """A small sound bundle of two tiers."""
    return BundleManifest(
        name="vitrine-test",
        version="1",
        licence="Apache-2.0",
        dim=64,
        image=ImageTower(
            tiers=(
                Tier(file="image.onnx", patch=16, tokens=196, gflops=1.5),
                Tier(file="fast.onnx", precision="int8", patch=32, tokens=49, gflops=0.4),
            )
        ),
        preprocess=PreprocessSpec(size=224),
        files={"image.onnx": "a" * 64, "fast.onnx": "b" * 64},
    )
