"""ONNX Runtime sessions as both encoders need them: on the provider asked for, or refused."""

import importlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import onnxruntime as ort

from service.adapters.gpu_options import AS_IT_IS, CUDA, TENSORRT, GpuOptions
from service.adapters.processor import BF16, processor_flags
from service.core.cores import core_count
from service.core.errors import BundleError, ProviderUnavailableError, StoreError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": CUDA,
    "tensorrt": TENSORRT,
    "openvino": "OpenVINOExecutionProvider",
}
ON_GPU = ("cuda", "tensorrt")
Nodes = Mapping[str, tuple[str, list[int]]]
"""An input's or output's type and its shape, the batch left aside, by name."""


def open_session(
    file: Path,
    *,
    provider: str,
    threads: int | None,
    spinning: bool,
    gpu: GpuOptions = AS_IT_IS,
    lanes: int = 1,
) -> ort.InferenceSession:
    """Load a graph.

    Args:
        file: The graph; weights outside it lie beside it.
        provider: `cpu`, `cuda`, `tensorrt` or `openvino`; never silently another.
        threads: For one run; by default every core this process may use.
        spinning: Whether threads that wait for work spin for a while.
        gpu: Heeded by `cuda` and `tensorrt`.
        lanes: Runs at once; heeded by `openvino`.

    Raises:
        BundleError: It cannot be loaded.
        ProviderUnavailableError: The provider is not in use after loading.
        StoreError: There is nowhere to keep what TensorRT compiles.
    """
    wanted = _available(provider)
    if provider in ON_GPU:
        _load_libraries(provider)
        _make_folder(gpu.engines if provider == "tensorrt" else None)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or core_count()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    try:
        # Without its own fallback, which prints, and then runs on the CPU.
        told = provider_options(provider, processor_flags(), threads=threads, lanes=lanes)
        chosen = gpu.chosen(provider) if provider in ON_GPU else [(wanted, told)]
        session = ort.InferenceSession(file, options, providers=chosen, enable_fallback=0)
    except Exception as exc:
        if "install TensorRT libraries" in str(exc):
            raise ProviderUnavailableError(
                "asked for provider 'tensorrt', but its libraries cannot be loaded: install "
                "TensorRT 10 for CUDA 13, or take provider 'cuda'"
            ) from exc
        raise BundleError(f"{file} cannot be loaded: {str(exc).splitlines()[0]}") from exc
    if session.get_providers()[0] != wanted:
        raise ProviderUnavailableError(
            f"asked for provider {provider!r}, but ONNX Runtime chose "
            f"{session.get_providers()[0]}: check the driver and the installed runtime"
        )
    return session


def provider_options(
    provider: str, flags: Collection[str], *, threads: int | None = None, lanes: int = 1
) -> dict[str, str]:
    """Return what a provider has to be told.

    OpenVINO computes in float32 unless it is asked for bfloat16, which it does several times
    faster on a processor that multiplies it in hardware (docs/benchmarks.md). It has threads of
    its own, and divides them among as many runs at once as it is told of.

    Args:
        provider: `cpu` or `openvino`.
        flags: Of the processor.
        threads: For one run.
        lanes: Runs at once.
    """
    if provider != "openvino":
        return {}
    told = {}
    if any(flag in flags for flag in BF16):
        told["INFERENCE_PRECISION_HINT"] = "bf16"
    if threads is not None:
        told["INFERENCE_NUM_THREADS"] = str(threads * lanes)
    if lanes > 1:
        told["NUM_STREAMS"] = str(lanes)
    return {"device_type": "CPU", "load_config": json.dumps({"CPU": told})} if told else {}


def _load_libraries(provider: str) -> None:
    """Load what the provider links to: it comes as wheels, where no loader path leads."""
    ort.preload_dlls()
    if provider == "tensorrt":
        with suppress(ImportError):  # it may be installed with the system's own packages
            importlib.import_module("tensorrt")


def _make_folder(folder: Path | None) -> None:
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder} cannot be written: {exc.strerror or exc}") from exc


def check_graph(session: ort.InferenceSession, promised: Nodes, file: Path) -> None:
    """Refuse a graph whose inputs or outputs are not those the manifest promises.

    Raises:
        BundleError: With every one that differs.
    """
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
        extra = "gpu" if provider in ON_GPU else provider
        raise ProviderUnavailableError(
            f"the installed ONNX Runtime has no {wanted}: pip install 'vitrine[{extra}]' "
            "in an environment without the other runtimes"
        )
    return wanted
