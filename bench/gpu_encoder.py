"""The encoder on a GPU against ONNX Runtime alone there, and with the decoder before it.

    raw      session.run of the same graph, its provider as it comes, at its best size of batch
    encoder  OnnxEncoder.classify: fixed memory, CUDA graphs
    decoder  pictures decoded by threads, and nothing else
    whole    threads that decode, the batcher, the encoder: what a service does between its doors

Rounds take turns. On any provider, so that this runs, and is tested, without a GPU.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from bench.pictures import catalog, encoded
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_session import PROVIDERS
from service.core.buckets import SIZES
from service.core.cores import core_count
from service.core.preprocess import decode_for, preprocess
from service.core.types import Pixels
from service.pipeline.batching import Batcher

PICTURES = 512
_UNCOUNTED, _ALONE = 20, 200
_RAW_SIZES = (8, 16, 32, 64)
_WAITING = 3
"""Threads a batch: one runs while the next is decoded, and some wait."""


def measure(
    bundle: Path,
    provider: str,
    folder: Path,
    *,
    rounds: int = 5,
    seconds: float = 3.0,
    count: int = PICTURES,
) -> dict[str, Any]:
    """Return images/s of each, their ratios, and the p50 of one caller alone.

    Args:
        bundle: Whose default tier is measured.
        provider: Of both sides.
        folder: For a catalogue of pictures.
        rounds: Of each figure, in turn.
        seconds: A round of one figure.
        count: Distinct pictures.

    Raises:
        ProviderUnavailableError: The provider is not in use after loading.
    """
    encoder = OnnxEncoder(bundle, provider=provider)
    source, origin = catalog(count, folder)
    pictures = encoded(source, count)
    spec = encoder.manifest.preprocess

    def decode(data: bytes) -> Pixels:
        return preprocess(spec, decode_for(spec, data))

    raw, size = _raw(bundle / encoder.tier.file, provider, decode(pictures[0]), seconds)
    batch = np.stack([decode(data) for data in islice(cycle(pictures), SIZES[-1])])
    batcher, cores = Batcher(encoder, max_batch=SIZES[-1]), core_count()
    asking: dict[str, Callable[[], float]] = {
        "raw": raw,
        "encoder": lambda: rate(lambda: encoder.classify(batch), len(batch), seconds),
        "decoder": lambda: _by_threads(decode, pictures, cores, seconds),
        "whole": lambda: _by_threads(
            lambda data: batcher.encode(decode(data)), pictures, _WAITING * SIZES[-1], seconds
        ),
    }
    found = [{name: ask() for name, ask in asking.items()} for _ in range(rounds)]
    return {
        "bundle": encoder.manifest.name,
        "tier": encoder.tier.name,
        "precision": encoder.tier.precision,
        "provider": encoder.provider,
        "pictures": origin,
        "raw_batch": size,
        "images_per_second": {
            name: round(statistics.median(each[name] for each in found), 1) for name in asking
        },
        "encoder_over_raw": _ratio(each["encoder"] / each["raw"] for each in found),
        "whole_over_raw": _ratio(each["whole"] / each["raw"] for each in found),
        "whole_over_least": _ratio(
            each["whole"] / min(each["raw"], each["decoder"]) for each in found
        ),
        "limit": _limit(found),
        "alone_p50_ms": _alone(encoder, decode, pictures),
    }


def rate(call: Callable[[], object], images: int, seconds: float) -> float:
    """Return images/s of a call that takes so many, after one that does not count."""
    call()
    start, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        call()
        calls += 1
    return images * calls / spent


def _raw(
    file: Path, provider: str, picture: Pixels, seconds: float
) -> tuple[Callable[[], float], int]:
    """Return the rate of ONNX Runtime alone at the size of batch that suits it best."""
    session = ort.InferenceSession(file, providers=[PROVIDERS[provider]])

    def at(size: int, lasting: float) -> float:
        batch = np.repeat(picture[np.newaxis], size, axis=0)
        return rate(lambda: session.run(None, {"images": batch}), size, lasting)

    best = max(_RAW_SIZES, key=lambda size: at(size, seconds / len(_RAW_SIZES)))
    return lambda: at(best, seconds), best


def _by_threads(
    work: Callable[[bytes], object], pictures: list[bytes], threads: int, seconds: float
) -> float:
    """Return pictures/s of threads that work at once, each on its share of them."""
    end = time.perf_counter() + seconds

    def share(first: int) -> int:
        done = 0
        for data in cycle(pictures[first % len(pictures) :] + pictures[: first % len(pictures)]):
            if time.perf_counter() >= end:
                return done
            work(data)
            done += 1
        return done

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(share, range(0, threads * 7, 7)))
    return done / (time.perf_counter() - start)


def _alone(
    encoder: OnnxEncoder, decode: Callable[[bytes], Pixels], pictures: list[bytes]
) -> dict[str, float]:
    """Return the median milliseconds of one picture at a time: all of it, and the encoder's."""
    whole, encoding = [], []
    for data in islice(cycle(pictures), _UNCOUNTED + _ALONE):
        start = time.perf_counter()
        pixels = decode(data)[np.newaxis]
        decoded = time.perf_counter()
        encoder.classify(pixels)
        end = time.perf_counter()
        whole.append(end - start)
        encoding.append(end - decoded)
    return {
        "decode_and_encode": round(1000 * statistics.median(whole[_UNCOUNTED:]), 3),
        "encode": round(1000 * statistics.median(encoding[_UNCOUNTED:]), 3),
    }


def _limit(found: list[dict[str, float]]) -> str:
    """Say which side alone does less, and so bounds what both do together."""
    slower = sum(each["decoder"] < each["raw"] for each in found)
    return "decoder" if 2 * slower > len(found) else "encoder"


def _ratio(ratios: Iterable[float]) -> dict[str, Any]:
    told = [round(ratio, 3) for ratio in ratios]
    return {"median": statistics.median(told), "rounds": told}
