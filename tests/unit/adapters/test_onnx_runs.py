"""Runs bound to fixed memory give what `session.run` gives; here on the CPU, which binds too."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, get_ident
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from service.adapters import onnx_runs
from service.adapters.bundles import read_bundle
from service.adapters.gpu_options import AS_IT_IS
from service.adapters.onnx_runs import BoundRuns, PlainRuns, open_runs
from service.adapters.onnx_session import open_session
from service.core.buckets import SIZES, size_for
from service.settings import DEFAULT_BUNDLE
from support.tiny_bundle import noise

OUTPUTS = ["embedding", "head_colour"]


@pytest.fixture(scope="module")
def session(tiny: Path) -> ort.InferenceSession:
    return open_session(tiny / "image-12.onnx", provider="cpu", threads=1, spinning=False)


class Recording:
    """A session of the CPU that tells which CUDA graph ONNX Runtime would record, in which thread.

    As of 1.31 it keeps graphs by thread and `gpu_graph_id`, where 0 stands for none given and -1
    for no recording.
    """

    def __init__(self, session: ort.InferenceSession, refused: int | None = None) -> None:
        self._real = session
        self._refused = refused
        self.recorded: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def run_with_iobinding(self, binding: ort.IOBinding, options: ort.RunOptions) -> None:
        graph = int(options.get_run_config_entry("gpu_graph_id"))
        assert graph > 0
        if graph == self._refused:
            raise RuntimeError("CUDA failure 900: operation not permitted when stream is capturing")
        if (get_ident(), graph) not in self.recorded:
            self.recorded.append((get_ident(), graph))
        self._real.run_with_iobinding(binding, options)


def recording(session: ort.InferenceSession, refused: int | None = None) -> BoundRuns:
    """Make runs by CUDA graphs, which can be opened without."""
    watched: Any = Recording(session, refused)
    return BoundRuns(watched, "cpu", without_graphs=lambda: session)


def test_what_is_recorded_at_the_start_is_replayed_whatever_threads_ask(
    session: ort.InferenceSession,
) -> None:
    """Also beside another session, whose recording would fail while this one runs elsewhere."""
    both = [recording(session) for _ in range(2)]
    for runs in both:
        runs.prepare()
    together = Barrier(8)

    def ask(number: int) -> int:
        together.wait()  # so that eight threads there are
        for size in (1, 3, 32):
            both[number % 2].run(OUTPUTS, noise(size))
        return get_ident()

    with ThreadPoolExecutor(8) as pool:
        asking = set(pool.map(ask, range(8)))
    assert len(asking) == 8
    recorded = [runs.session.recorded for runs in both]
    # The largest first: what it needed holds what the others need.
    assert [[graph for _, graph in each] for each in recorded] == [[32, 16, 8, 4, 2, 1]] * 2
    (thread,) = {thread for each in recorded for thread, _ in each}
    assert thread not in asking | {get_ident()}


@pytest.mark.parametrize("refused", SIZES)
def test_a_model_that_cannot_be_recorded_runs_without_cuda_graphs(
    session: ort.InferenceSession, refused: int
) -> None:
    runs = recording(session, refused)
    assert runs.graphs
    runs.prepare()
    assert not runs.graphs
    expected = PlainRuns(session).run(OUTPUTS, noise(3))
    for mine, theirs in zip(runs.run(OUTPUTS, noise(3)), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_model_that_cannot_be_run_at_all_is_no_silent_matter(
    session: ort.InferenceSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_runs, "_memory", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        BoundRuns(session, "cpu").prepare()
    with pytest.raises(ZeroDivisionError):
        recording(session).prepare()


@pytest.mark.parametrize("count", [*SIZES, 3, 5, 21, 33, 70])
def test_bound_runs_give_what_the_session_gives(session: ort.InferenceSession, count: int) -> None:
    runs = BoundRuns(session, "cpu")
    runs.prepare()
    expected = PlainRuns(session).run(OUTPUTS, noise(count))
    found = runs.run(OUTPUTS, noise(count))
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    (alone,) = runs.run(["embedding"], noise(count))
    np.testing.assert_array_equal(alone, found[0])


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_batch_that_is_filled_up_runs_as_one_of_that_size(
    session: ort.InferenceSession, count: int
) -> None:
    """To the bit, whatever ran before."""
    runs = BoundRuns(session, "cpu")
    runs.run(["embedding"], noise(8))
    rows = np.minimum(np.arange(size_for(count)), count - 1)
    (expected,) = session.run(["embedding"], {"images": noise(count)[rows]})
    (found,) = runs.run(["embedding"], noise(count))
    assert found.shape == (count, 16)
    np.testing.assert_array_equal(found, expected[:count])


def test_what_fills_a_batch_up_changes_no_range_of_int8() -> None:
    """Which is taken over the whole batch: a darker or lighter picture would move the others."""
    size = read_bundle(DEFAULT_BUNDLE).preprocess.size
    file = DEFAULT_BUNDLE / "image-24-int8.onnx"
    session = open_session(file, provider="cpu", threads=1, spinning=False)
    grey = np.clip(noise(3, size), 100, 140)
    (expected,) = session.run(["embedding"], {"images": grey})
    (found,) = BoundRuns(session, "cpu").run(["embedding"], grey)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (moved,) = session.run(["embedding"], {"images": np.concatenate([grey, noise(1, size)])})
    assert np.abs(moved[:3] - expected).max() > 1e-4


def test_no_pictures_give_no_results_of_the_right_width(session: ort.InferenceSession) -> None:
    empty = np.empty((0, 48, 48, 3), np.uint8)
    shapes = [found.shape for found in BoundRuns(session, "cpu").run(OUTPUTS, empty)]
    assert shapes == [(0, 16), (0, 4)]


def test_a_result_is_its_callers_own(session: ort.InferenceSession) -> None:
    """Though the memory that it was made in is written to by every later run."""
    runs = BoundRuns(session, "cpu")
    (first,) = runs.run(["embedding"], noise(4))
    kept = first.copy()
    (second,) = runs.run(["embedding"], noise(3))
    np.testing.assert_array_equal(first, kept)
    assert np.abs(second - first[:3]).max() > 1e-3


def test_threads_that_share_bound_memory_get_each_its_own(session: ort.InferenceSession) -> None:
    runs, plain = BoundRuns(session, "cpu"), PlainRuns(session)
    counts = [1, 2, 3, 4, 5, 8, 9, 33] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda count: runs.run(OUTPUTS, noise(count)), counts))
    for count, results in zip(counts, found, strict=True):
        for mine, theirs in zip(results, plain.run(OUTPUTS, noise(count)), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 33])
def test_pictures_for_a_device_are_staged_and_copied_to_where_it_reads_them(
    session: ort.InferenceSession, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's memory is the CPU's here; all else is as on CUDA, pinning and graphs aside."""
    memory = onnx_runs._memory
    monkeypatch.setattr(onnx_runs, "_memory", lambda shape, kind, _: memory(shape, kind, "cpu"))
    runs = BoundRuns(session, "cuda")
    for seed in (count, count + 1):
        found = runs.run(OUTPUTS, noise(seed)[:count])
        expected = PlainRuns(session).run(OUTPUTS, noise(seed)[:count])
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_the_cpu_is_not_bound(tiny: Path) -> None:
    """Its runs may be of any size and several at once."""
    file = tiny / "image-12.onnx"
    runs = open_runs(file, provider="cpu", threads=1, spinning=False, gpu=AS_IT_IS)
    assert isinstance(runs, PlainRuns)
