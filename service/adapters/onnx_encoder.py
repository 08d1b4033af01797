"""The encoder on ONNX Runtime: (n, size, size, 3) uint8 -> (n, dim) unit vectors."""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort

from service.adapters.bundles import read_bundle
from service.core.errors import BundleError, ProviderUnavailableError
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest
from service.core.types import Pixels, Vectors

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}


class OnnxEncoder:
    """A bundle's default tier in one session, which several threads may share."""

    def __init__(
        self,
        folder: Path,
        *,
        provider: str = "cpu",
        threads: int | None = None,
        spinning: bool = True,
    ) -> None:
        """Load and verify a bundle.

        Args:
            folder: Of the bundle.
            provider: `cpu`, `cuda` or `openvino`; never silently another.
            threads: For one run; by default every core this process may use.
            spinning: Let threads that wait for work spin for a while: a run is a few per cent
                faster, and whatever else needs the cores between runs is slower.

        Raises:
            BundleError: The bundle is incomplete, damaged, or not what its manifest says.
            ProviderUnavailableError: The provider is not in use after loading.
        """
        self._manifest = read_bundle(folder)
        self._digest = bundle_digest(self._manifest)
        self._provider = provider
        wanted = _available(provider)
        if provider == "cuda":
            ort.preload_dlls()  # CUDA and cuDNN come as wheels, where no loader path leads
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        file = folder / self._manifest.image.tiers[0].file
        try:
            self._session = ort.InferenceSession(file, options, providers=[wanted])
        except Exception as exc:
            raise BundleError(f"{file} cannot be loaded: {str(exc).splitlines()[0]}") from exc
        if self._session.get_providers()[0] != wanted:
            raise ProviderUnavailableError(
                f"asked for provider {provider!r}, but ONNX Runtime chose "
                f"{self._session.get_providers()[0]}: check the driver and the installed runtime"
            )
        _check_graph(self._session, self._manifest, file)

    @property
    def manifest(self) -> BundleManifest:
        """The bundle this encoder runs."""
        return self._manifest

    @property
    def bundle_digest(self) -> str:
        """Digest of all that changes a vector."""
        return self._digest

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self._provider

    def encode(self, images: Pixels) -> Vectors:
        """Embed (n, size, size, 3) uint8 into (n, dim) float32 of unit length."""
        (vectors,) = self._session.run(["embedding"], {"images": images})
        return np.asarray(vectors, dtype=np.float32)


def _check_graph(session: ort.InferenceSession, manifest: BundleManifest, file: Path) -> None:
    """Refuse a graph whose input or output is not the one the manifest promises."""
    size = manifest.preprocess.size
    promised = {
        "images": ("tensor(uint8)", [size, size, 3]),
        "embedding": ("tensor(float)", [manifest.dim]),
    }
    nodes = (*session.get_inputs(), *session.get_outputs())
    found = {node.name: (node.type, node.shape[1:]) for node in nodes}
    wrong = [
        f"{name} is {found.get(name, 'missing')} and should be {expected}"
        for name, expected in promised.items()
        if found.get(name) != expected
    ]
    if wrong:
        raise BundleError(
            f"{file} is not the graph that bundle.json describes, leaving the batch aside: "
            f"{'; '.join(wrong)}; export the model again"
        )


def _available(provider: str) -> str:
    if provider not in PROVIDERS:
        raise ProviderUnavailableError(
            f"no provider {provider!r}; choose one of {', '.join(PROVIDERS)}"
        )
    wanted = PROVIDERS[provider]
    if wanted not in ort.get_available_providers():
        extra = "gpu" if provider == "cuda" else provider
        raise ProviderUnavailableError(
            f"the installed ONNX Runtime has no {wanted}: pip install 'vitrine[{extra}]' "
            "in an environment without the other runtimes"
        )
    return wanted
