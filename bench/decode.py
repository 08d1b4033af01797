"""`python -m bench.decode`: decode + resize against Pillow's full decode + resize; prints JSON.

    picture -> full: Pillow's pixels, all of them -> bicubic to the model's size
            -> ours: `decode_for` -> `preprocess`
            -> milliseconds of both and of each stage, cosine between their vectors

Both take turns, so that what else the machine does meets both. Real photos are enlarged to the size
of the case with a grain, since they are small ones.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from bench.pictures import catalog, encoded
from bench.report import say
from service.core.bare import JPEG, PNG, bare_jpeg, bare_png
from service.core.cores import core_count
from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from service.core.scans import count_scans
from service.core.types import Encoder, Pixels
from service.encoders import make_encoder
from service.settings import Settings

_GRAIN = 3.0  # standard deviation of the noise, of 255


class _Case(NamedTuple):
    """A kind of picture: its size, and how it is encoded."""

    name: str
    size: tuple[int, int]
    kind: str = "JPEG"
    options: Mapping[str, Any] = MappingProxyType({"quality": 85})


_CASES = (
    _Case("12 MP baseline", (4000, 3000), options={"quality": 90}),
    _Case("12 MP progressive", (4000, 3000), options={"quality": 90, "progressive": True}),
    _Case("1600 px", (1600, 1600)),
    _Case("800 px", (800, 800)),
    _Case("20 kB thumbnail", (320, 320), options={"quality": 88}),
    _Case("224 px", (224, 224)),
    _Case("800 px PNG", (800, 800), "PNG", {}),
    _Case("800 px WebP", (800, 800), "WEBP", {"quality": 80}),
)


def measure(rounds: int, count: int, seconds: float = 1.0) -> dict[str, Any]:
    """Return for each case medians over pictures and rounds, and decodes a second by threads.

    Args:
        rounds: In which each picture is decoded once either way.
        count: Pictures of each case.
        seconds: Of decoding for each number of threads.
    """
    encoder = make_encoder(Settings(spinning=False))
    with tempfile.TemporaryDirectory() as name:
        source, origin = catalog(max(count, 8), Path(name))
        photos = [_opened(data) for data in encoded(source, count)]
    cases: dict[str, Any] = {}
    shares: dict[str, Any] = {}
    for case in _CASES:
        say(f"{case.name} ...")
        pictures = [_enlarged(photo, case, seed) for seed, photo in enumerate(photos)]
        cases[case.name] = _compared(encoder, pictures, rounds)
        if case.name in ("12 MP baseline", "224 px"):
            shares[case.name] = _by_threads(encoder.manifest.preprocess, pictures, seconds)
    return {
        "pictures": f"{origin}, {len(photos)} each",
        "size": encoder.manifest.preprocess.size,
        "cores": core_count(),
        "cases": cases,
        "decodes_per_second_by_threads": shares,
    }


def _compared(encoder: Encoder, pictures: Sequence[bytes], rounds: int) -> dict[str, Any]:
    spec = encoder.manifest.preprocess
    full, ours = [], []
    for _ in range(rounds):
        full += [_milliseconds(lambda data=data: _full(spec, data)) for data in pictures]
        ours += [_milliseconds(lambda data=data: _ours(spec, data)) for data in pictures]
    ratios = [a / b for a, b in zip(full, ours, strict=True)]
    exact = encoder.encode(np.stack([_full(spec, data) for data in pictures]))
    quick = encoder.encode(np.stack([_ours(spec, data) for data in pictures]))
    cosines = (exact * quick).sum(axis=1)
    return {
        "kilobytes": round(statistics.mean(map(len, pictures)) / 1000),
        "full_ms": round(statistics.median(full), 3),
        "ours_ms": round(statistics.median(ours), 3),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_quartiles": [round(q, 2) for q in statistics.quantiles(ratios, n=4)[::2]],
        "cosine_mean": round(float(cosines.mean()), 5),
        "cosine_least": round(float(cosines.min()), 5),
        "stages_ms": _stages(spec, pictures, rounds),
    }


def _stages(spec: PreprocessSpec, pictures: Sequence[bytes], rounds: int) -> dict[str, float]:
    """Return what of `ours` goes where; `decode` is all of `decode_for`, those before it too."""
    spent: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        made = call()
        spent.setdefault(name, []).append((time.perf_counter() - start) * 1000)
        return made

    for data in pictures * rounds:
        bare = timed("bare", lambda data=data: _bare(data))
        if data.startswith(JPEG):
            timed("count scans", lambda bare=bare: count_scans(bare, 25))
        timed("header", lambda bare=bare: Image.open(BytesIO(bare)))
        image = timed("decode", lambda data=data: decode_for(spec, data))
        pixels = timed("resize", lambda image=image: preprocess(spec, image))
        square = Image.fromarray(pixels)
        timed("array of it", lambda square=square: np.asarray(square))
    return {name: round(statistics.median(times), 3) for name, times in spent.items()}


def _by_threads(
    spec: PreprocessSpec, pictures: Sequence[bytes], seconds: float
) -> dict[str, float]:
    """Return decodes a second with 1 to 4 threads, the best of two tries that take turns."""
    best = dict.fromkeys(map(str, range(1, 5)), 0.0)
    for threads in [*range(1, 5)] * 2:
        with ThreadPoolExecutor(threads) as pool:
            until = time.perf_counter() + seconds
            start, done = time.perf_counter(), 0
            while time.perf_counter() < until:
                done += len(list(pool.map(lambda data: _ours(spec, data), pictures)))
            rate = done / (time.perf_counter() - start)
        best[str(threads)] = max(best[str(threads)], round(rate, 1))
    return best


def _full(spec: PreprocessSpec, data: bytes) -> Pixels:
    square = (spec.size, spec.size)
    return np.asarray(_opened(data).resize(square, Image.Resampling.BICUBIC))


def _ours(spec: PreprocessSpec, data: bytes) -> Pixels:
    return preprocess(spec, decode_for(spec, data))


def _bare(data: bytes) -> bytes:
    if data.startswith(PNG):
        return bare_png(data)
    return bare_jpeg(data) if data.startswith(JPEG) else data


def _opened(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB")


def _enlarged(photo: Image.Image, case: _Case, seed: int) -> bytes:
    noise = np.random.default_rng(seed).normal(0, _GRAIN, (*case.size[::-1], 3))
    grains = np.asarray(photo.resize(case.size, Image.Resampling.BICUBIC)) + noise
    buffer = BytesIO()
    picture = Image.fromarray(grains.clip(0, 255).astype(np.uint8))
    picture.save(buffer, case.kind, **case.options)
    return buffer.getvalue()


def _milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=16, help="of each case")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.rounds, arguments.pictures), indent=2))
