"""The encoder on ONNX Runtime: (n, size, size, 3) uint8 -> (n, dim) unit vectors, probabilities."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.adapters.bundles import read_bundle
from service.adapters.gpu_options import GpuOptions
from service.adapters.onnx_runs import open_runs
from service.adapters.onnx_session import ON_GPU, PROVIDERS, Nodes, check_graph
from service.core.errors import BundleError
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Tier
from service.core.types import Pixels, Vectors

__all__ = ["PROVIDERS", "OnnxEncoder"]


class OnnxEncoder:
    """One tier of a bundle in one session, which several threads may share."""

    def __init__(
        self,
        folder: Path,
        *,
        tier: str | None = None,
        provider: str = "cpu",
        threads: int | None = None,
        spinning: bool = True,
        engines: Path | None = None,
        lanes: int = 1,
    ) -> None:
        """Load and verify a bundle.

        Args:
            folder: Of the bundle.
            tier: Its name; by default the bundle's first. On a GPU its float16 variant stands in
                for it where the bundle has one.
            provider: `cpu`, `cuda`, `tensorrt` or `openvino`; never silently another.
            threads: For one run; by default every core this process may use.
            spinning: Let threads that wait for work spin for a while: a run is a few per cent
                faster, and whatever else needs the cores between runs is slower.
            engines: Where TensorRT keeps what it compiled; by default it compiles at every start.
            lanes: Runs at once, for a provider that has to be told.

        Raises:
            BundleError: The bundle is incomplete, damaged, not what its manifest says, or without
                such a tier.
            ProviderUnavailableError: The provider is not in use after loading.
        """
        self._manifest = read_bundle(folder)
        self._digest = bundle_digest(self._manifest)
        self._provider = provider
        self._tier = _tier(self._manifest, tier, folder)
        if provider in ON_GPU:
            self._tier = halved(self._manifest, self._tier)
        file, size = folder / self._tier.file, self._manifest.preprocess.size
        gpu = GpuOptions(engines=engines, inputs={"images": (size, size, 3)})
        self._runs = open_runs(
            file, provider=provider, threads=threads, spinning=spinning, gpu=gpu, lanes=lanes
        )
        check_graph(self._runs.session, _promised(self._manifest), file)
        self._runs.prepare()

    @property
    def manifest(self) -> BundleManifest:
        """The bundle this encoder runs."""
        return self._manifest

    @property
    def bundle_digest(self) -> str:
        """Digest of all that changes a vector; the tiers, which share a space, share it too."""
        return self._digest

    @property
    def tier(self) -> Tier:
        """The tier in use."""
        return self._tier

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self._provider

    def encode(self, images: Pixels) -> Vectors:
        """Embed (n, size, size, 3) uint8 into (n, dim) float32 of unit length."""
        (vectors,) = self._runs.run(["embedding"], images)
        return np.asarray(vectors, dtype=np.float32)

    def classify(self, images: Pixels) -> tuple[Vectors, dict[str, NDArray[np.float32]]]:
        """Embed and name in one run, which costs what `encode` does.

        Args:
            images: (n, size, size, 3) uint8.

        Returns:
            The vectors as `encode`, and by the name of each head (n, labels) float32
            probabilities that add up to 1.
        """
        heads = self._manifest.heads
        outputs = ["embedding", *(head.output for head in heads)]
        vectors, *probabilities = self._runs.run(outputs, images)
        return vectors, {h.name: p for h, p in zip(heads, probabilities, strict=True)}


def halved(manifest: BundleManifest, tier: Tier) -> Tier:
    """Return the float16 variant of a tier, or the tier itself where the bundle has none."""
    for other in manifest.image.tiers:
        if other.precision == "fp16" and other.gate and other.gate.of == tier.name:
            return other
    return tier


def _tier(manifest: BundleManifest, name: str | None, folder: Path) -> Tier:
    tiers = manifest.image.tiers
    if name is None:
        return tiers[0]
    for tier in tiers:
        if tier.name == name:
            return tier
    names = ", ".join(tier.name or f"{tier.file} without a name" for tier in tiers)
    raise BundleError(f"bundle {folder} has no tier {name!r}; it has {names}")


def _promised(manifest: BundleManifest) -> Nodes:
    size = manifest.preprocess.size
    return {
        "images": ("tensor(uint8)", [size, size, 3]),
        "embedding": ("tensor(float)", [manifest.dim]),
        **{head.output: ("tensor(float)", [len(head.labels)]) for head in manifest.heads},
    }
