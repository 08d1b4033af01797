"""The encoder on a CUDA device gives what it gives on the CPU: `make gpu-check`.

These need neither torch nor a bundle but the one that ships.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from service.adapters.bundles import read_bundle
from service.adapters.gpu_options import AS_IT_IS
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_runs import BoundRuns, open_runs
from service.adapters.pinned import _runtime, pinned
from service.core.buckets import SIZES
from service.core.errors import ProviderUnavailableError
from service.core.types import Pixels
from service.settings import DEFAULT_BUNDLE
from support.gpu import lacking

pytestmark = pytest.mark.gpu
MANIFEST = read_bundle(DEFAULT_BUNDLE)
TIERS = [tier.name for tier in MANIFEST.image.tiers]
COUNTS = [*SIZES, 3, 7, 20, 33, 70]


def on(provider: str, tier: str | None = None) -> OnnxEncoder:
    """Load a tier, or skip where the device or its libraries are not there."""
    try:
        return OnnxEncoder(DEFAULT_BUNDLE, tier=tier, provider=provider)
    except ProviderUnavailableError as exc:
        reason = f"no GPU for the encoder: {exc}"
        if provider == "tensorrt":  # which no extra brings
            pytest.skip(reason)
        lacking(reason)


@cache
def loaded(provider: str, tier: str | None) -> OnnxEncoder:
    return on(provider, tier)


def noise(count: int) -> Pixels:
    size = MANIFEST.preprocess.size
    random = np.random.default_rng(count)
    return random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("tier", TIERS)
def test_cuda_embeds_as_the_cpu_does(tier: str, count: int) -> None:
    on_cuda, on_cpu = loaded("cuda", tier), loaded("cpu", tier)
    assert on_cuda.provider == "cuda"
    pixels = noise(count)
    (vectors, heads), (expected, named) = on_cuda.classify(pixels), on_cpu.classify(pixels)
    assert vectors.shape == expected.shape
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    int8 = on_cuda.tier.precision == "int8"  # where what is nearly a half is rounded either way
    assert (vectors * expected).sum(axis=1).min() > (0.995 if int8 else 0.999)
    for name, probabilities in named.items():
        np.testing.assert_allclose(heads[name], probabilities, atol=0.05 if int8 else 0.02)


@pytest.mark.parametrize("file", ["image-12.onnx", "image-16.onnx", "image-24.onnx"])
def test_a_tier_of_floats_is_replayed_as_a_cuda_graph(file: str) -> None:
    on("cuda")
    runs = open_runs(
        DEFAULT_BUNDLE / file, provider="cuda", threads=None, spinning=False, gpu=AS_IT_IS
    )
    assert isinstance(runs, BoundRuns)
    runs.prepare()
    assert runs.graphs  # recorded, not only opened for it


def test_pictures_are_copied_from_pinned_memory() -> None:
    on("cuda")
    assert pinned((32, 96, 96, 3), _runtime()) is not None


def test_a_thread_that_has_not_asked_before_waits_for_no_recording() -> None:
    """Which would take two runs of the model, some hundred launches each, and a third."""
    encoder, picture = loaded("cuda", None), noise(1)

    def seconds() -> float:
        start = time.perf_counter()
        encoder.encode(picture)
        return time.perf_counter() - start

    usual = statistics.median(seconds() for _ in range(50))
    first = []
    for _ in range(9):
        with ThreadPoolExecutor(1) as pool:
            first.append(pool.submit(seconds).result())
    new = statistics.median(first)
    print(f"usual {1000 * usual:.3f} ms, a new thread's first {1000 * new:.3f} ms")
    assert new < 3 * usual


def test_a_graph_that_is_replayed_sees_the_pictures_of_this_run_and_gives_results_to_keep() -> None:
    encoder = loaded("cuda", None)
    first = encoder.encode(noise(4))
    kept = first.copy()
    for count in (3, 4, 1, 4):
        alone = np.concatenate([encoder.encode(noise(count)[i : i + 1]) for i in range(count)])
        assert (encoder.encode(noise(count)) * alone).sum(axis=1).min() > 0.9999
    np.testing.assert_array_equal(first, kept)


def test_threads_may_share_it() -> None:
    encoder = loaded("cuda", None)
    counts = [1, 2, 3, 5, 8, 17] * 5
    expected = {count: encoder.encode(noise(count)) for count in set(counts)}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda count: encoder.encode(noise(count)), counts))
    for count, vectors in zip(counts, found, strict=True):
        np.testing.assert_allclose(vectors, expected[count], atol=1e-4)


@pytest.mark.parametrize("count", [1, 5, 32, 33])
def test_tensorrt_embeds_as_the_cpu_does(count: int) -> None:
    on_tensorrt, on_cpu = loaded("tensorrt", None), loaded("cpu", None)
    pixels = noise(count)
    assert (on_tensorrt.encode(pixels) * on_cpu.encode(pixels)).sum(axis=1).min() > 0.999
