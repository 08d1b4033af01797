"""Runs of an encoder's graph, as its provider likes them best.

cpu, openvino     pictures -> session.run -> results
cuda, tensorrt    pictures -> pinned memory -> memory of the device, the same at every run of a size
                           -> CUDA graph of that size, replayed -> results copied back

ONNX Runtime keeps a CUDA graph for the thread that recorded it: in any other it runs the model
twice and records anew. While a thread records, CUDA also refuses memory and copies to all others,
and the recording is lost. So one thread records and replays for every session of the process.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
import structlog
from numpy.typing import NDArray

from service.adapters.gpu_options import GpuOptions
from service.adapters.onnx_session import ON_GPU, open_session
from service.adapters.pinned import staging
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
        self,
        session: ort.InferenceSession,
        device: str = "cuda",
        *,
        without_graphs: Callable[[], ort.InferenceSession] | None = None,
    ) -> None:
        """Prepare nothing: memory is taken when a size first runs.

        Args:
            session: Of a graph with one input, of pictures, and outputs of known width.
            device: Where the graph runs, as ONNX Runtime names it: `cuda` or `cpu`.
            without_graphs: Opens the same without CUDA graphs; None for a session without.
        """
        self.session = session
        self._device = device
        self._without_graphs = without_graphs
        self._widths = {node.name: node.shape[1:] for node in session.get_outputs()}
        self._bound: dict[int, _Bound] = {}

    @property
    def graphs(self) -> bool:
        """Whether runs are replays of CUDA graphs."""
        return self._without_graphs is not None

    def prepare(self) -> None:
        """Run every size once, so that no caller waits for its memory and its graph.

        Where CUDA cannot record the model, it runs without CUDA graphs, and that is logged.
        """
        try:
            self._run_every_size()
        except Exception as exc:
            if self._without_graphs is None:
                raise
            _log.warning("encoder runs without CUDA graphs", reason=str(exc))
            self._bound.clear()
            self.session, self._without_graphs = self._without_graphs(), None
            self._run_every_size()

    def run(self, outputs: Sequence[str], images: Pixels) -> Results:
        """Return these outputs, (n, ...) each, of (n, size, size, 3) pictures."""
        return _device_thread().submit(self._run, outputs, images).result()

    def _run_every_size(self) -> None:
        (given,) = self.session.get_inputs()
        # The largest first: what it needed holds what the others need.
        for size in reversed(SIZES):
            self.run([], np.zeros((size, *given.shape[1:]), np.uint8))

    def _run(self, outputs: Sequence[str], images: Pixels) -> Results:
        results = [np.empty((len(images), *self._widths[name]), np.float32) for name in outputs]
        for part, size in parts(len(images)):
            if size not in self._bound:
                self._bound[size] = _Bound(self.session, size, self._device, self.graphs)
            self._bound[size].run(images[part])
            for name, result in zip(outputs, results, strict=True):
                result[part] = self._bound[size].read(name, part.stop - part.start)
        return results


@cache
def _device_thread() -> ThreadPoolExecutor:
    """Return the thread that makes all bound runs of this process, in the order they come."""
    return ThreadPoolExecutor(1, thread_name_prefix="device")


class _Bound:
    """Memory for batches of one size, and the run that is bound to it."""

    def __init__(self, session: ort.InferenceSession, size: int, device: str, graphs: bool) -> None:
        (given,) = session.get_inputs()
        shape = (size, *given.shape[1:])
        self._given = _memory(shape, np.uint8, device)
        self._staged = device != "cpu"
        self._pixels: Pixels = staging(shape) if self._staged else self._given.numpy()  # a view
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
        if self._staged:
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
    if provider != "cuda":
        return BoundRuns(opened(gpu))
    try:
        session = opened(replace(gpu, graphs=True))
    except BundleError as exc:
        _log.warning("encoder runs without CUDA graphs", file=file.name, reason=str(exc))
        return BoundRuns(opened(gpu))
    return BoundRuns(session, without_graphs=lambda: opened(gpu))


def _memory(shape: tuple[int, ...], kind: type, device: str) -> Any:
    return ort.OrtValue.ortvalue_from_shape_and_type(shape, kind, device, 0)
