"""Runs of an encoder's graph, as its provider likes them best.

cpu, openvino     pictures -> session.run -> results
cuda, tensorrt    pictures -> pinned memory -> memory of the device, the same at every run of a size
                           -> CUDA graph of that size, replayed -> results copied back
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
import structlog
from numpy.typing import NDArray

from service.adapters.gpu_options import CUDA, GpuOptions
from service.adapters.onnx_session import ON_GPU, open_session
from service.core.buckets import SIZES, parts
from service.core.errors import BundleError
from service.core.types import Pixels

_log = structlog.get_logger()
Results = list[NDArray[np.float32]]


class Runs(Protocol):
    """A session with one way to run it; safe to call from any number of threads."""

    session: ort.InferenceSession

    def prepare(self) -> None:
        """Do now what the first runs would make their callers wait for."""
        ...

    def run(self, outputs: Sequence[str], images: Pixels) -> Results:
        """Return these outputs, (n, ...) each, of (n, size, size, 3) pictures."""
        ...


class PlainRuns:
    """A session that takes what it is given."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self.session = session

    def prepare(self) -> None:
        """Do nothing: its first run is like any."""

    def run(self, outputs: Sequence[str], images: Pixels) -> Results:
        """Return these outputs, (n, ...) each, of (n, size, size, 3) pictures."""
        found: Results = self.session.run(outputs, {"images": images})
        return found


class BoundRuns:
    """A session whose runs are bound to memory that stays where it is, one run at a time."""

    def __init__(
        self, session: ort.InferenceSession, device: str = "cuda", *, graphs: bool = False
    ) -> None:
        """Prepare nothing: memory is taken when a size first runs.

        Args:
            session: Of a graph with one input, of pictures, and outputs of known width.
            device: Where the graph runs, as ONNX Runtime names it: `cuda` or `cpu`.
            graphs: Whether the session was opened with CUDA graphs.
        """
        self.session = session
        self._device = device
        self._graphs = graphs
        self._lock = Lock()
        self._widths = {node.name: node.shape[1:] for node in session.get_outputs()}
        self._bound: dict[int, _Bound] = {}

    @property
    def graphs(self) -> bool:
        """Whether runs are replays of CUDA graphs."""
        return self._graphs

    def prepare(self) -> None:
        """Run every size once, so that no caller waits for its memory and its graph."""
        (given,) = self.session.get_inputs()
        for size in SIZES:
            self.run([], np.zeros((size, *given.shape[1:]), np.uint8))

    def run(self, outputs: Sequence[str], images: Pixels) -> Results:
        """Return these outputs, (n, ...) each, of (n, size, size, 3) pictures."""
        results = [np.empty((len(images), *self._widths[name]), np.float32) for name in outputs]
        with self._lock:
            for part, size in parts(len(images)):
                if size not in self._bound:
                    self._bound[size] = _Bound(self.session, size, self._device, self._graphs)
                self._bound[size].run(images[part])
                for name, result in zip(outputs, results, strict=True):
                    result[part] = self._bound[size].read(name, part.stop - part.start)
        return results


class _Bound:
    """Memory for batches of one size, and the run that is bound to it."""

    def __init__(self, session: ort.InferenceSession, size: int, device: str, graphs: bool) -> None:
        (given,) = session.get_inputs()
        shape = (size, *given.shape[1:])
        self._given = _memory(shape, np.uint8, device)
        self._staged = None if device == "cpu" else _staging(shape)
        self._pixels: Pixels = (self._staged or self._given).numpy()  # a view where the CPU sees it
        self._made = {
            node.name: _memory((size, *node.shape[1:]), np.float32, device)
            for node in session.get_outputs()
        }
        self._session, self._binding = session, session.io_binding()
        self._binding.bind_ortvalue_input(given.name, self._given)
        for name, value in self._made.items():
            self._binding.bind_ortvalue_output(name, value)
        self._options = ort.RunOptions()
        if graphs:  # by any number but 0, which is reserved, and -1, which records nothing
            self._options.add_run_config_entry("gpu_graph_id", str(size))

    def run(self, images: Pixels) -> None:
        """Run on 1 to `size` pictures, filled up with copies of the last.

        int8 takes the range of its numbers from a whole batch, which copies leave as it is.
        """
        self._pixels[: len(images)] = images
        self._pixels[len(images) :] = images[-1]
        if self._staged is not None:
            self._given.update_inplace(self._pixels)
        self._session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()

    def read(self, name: str, count: int) -> NDArray[np.float32]:
        """Return the first rows of an output, which the next run may overwrite."""
        found: NDArray[np.float32] = self._made[name].numpy()[:count]
        return found


def open_runs(
    file: Path,
    *,
    provider: str,
    threads: int | None,
    spinning: bool,
    gpu: GpuOptions,
    lanes: int = 1,
) -> Runs:
    """Load a graph of pictures, as `open_session` does, with the best way to run it.

    On `cuda` with CUDA graphs, where the model allows them: one with operators that CUDA lacks, as
    int8 has, runs without, and that is logged.

    Raises:
        BundleError: It cannot be loaded.
        ProviderUnavailableError: The provider is not in use after loading.
    """

    def opened(options: GpuOptions) -> ort.InferenceSession:
        return open_session(
            file,
            provider=provider,
            threads=threads,
            spinning=spinning,
            gpu=options,
            lanes=lanes,
        )

    if provider not in ON_GPU:
        return PlainRuns(opened(gpu))
    graphs = provider == "cuda"
    try:
        session = opened(replace(gpu, graphs=graphs))
    except BundleError as exc:
        if not graphs:
            raise
        session, graphs = opened(gpu), False
        _log.warning("encoder runs without CUDA graphs", file=file.name, reason=str(exc))
    return BoundRuns(session, graphs=graphs)


def _memory(shape: tuple[int, ...], kind: type, device: str) -> Any:
    return ort.OrtValue.ortvalue_from_shape_and_type(shape, kind, device, 0)


def _staging(shape: tuple[int, ...]) -> Any:
    """Return memory that a device copies pictures from: pinned, where ONNX Runtime lends such."""
    kind = ort.OrtDeviceMemoryType.HOST_ACCESSIBLE
    devices = (found for found in ort.get_ep_devices() if found.ep_name == CUDA)
    pinned = next((found.memory_info(kind) for found in devices), None)
    if pinned is not None:
        try:
            return ort.OrtValue.ortvalue_from_shape_and_type(shape, np.uint8, memory_info=pinned)
        except RuntimeError as exc:
            _log.warning("pictures are copied from memory that is not pinned", reason=str(exc))
    return _memory(shape, np.uint8, "cpu")
