"""Reindex against the encoder alone, and its memory at two sizes.

The encoder's best is the fastest of several batch sizes over the same pictures, already decoded.
Rounds alternate, so that a machine that slows down slows both.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.child import peak_megabytes
from bench.pictures import catalog, encoded
from service.adapters.catalog_sources import open_source
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.preprocess import decode_for, preprocess
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import make_encoder, reindexing

_PICTURES = 1000
_BATCHES = (1, 8, 32)
_SIZES = (1000, 8000)


def measure(rounds: int = 3) -> dict[str, Any]:
    """Return rates, their ratio round by round, and peak memory at both sizes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, origin = catalog(_PICTURES, folder)
        encoder = make_encoder(Settings())
        raw, flow, ratios = [], [], []
        for number in range(rounds):
            raw.append(_encoder_best(encoder, encoded(source, 256)))
            flow.append(_reindex_rate(source, folder / f"data-{number}"))
            ratios.append(flow[-1] / raw[-1])
        memory = {str(size): _peak_megabytes(size, folder) for size in _SIZES}
    small, large = (memory[str(size)] for size in _SIZES)
    return {
        "pictures": origin,
        "encoder_images_per_second": _rounded(raw),
        "reindex_images_per_second": _rounded(flow),
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 3),
        "peak_megabytes": memory,
        "memory_growth": round(large / small, 3),
    }


def _encoder_best(encoder: OnnxEncoder, pictures: list[bytes]) -> float:
    spec = encoder.manifest.preprocess
    pixels = np.stack([preprocess(spec, decode_for(spec, data)) for data in pictures])
    rates = []
    for size in _BATCHES:
        encoder.encode(pixels[:size])
        start = time.perf_counter()
        for first in range(0, len(pixels), size):
            encoder.encode(pixels[first : first + size])
        rates.append(len(pixels) / (time.perf_counter() - start))
    return max(rates)


def _reindex_rate(source: Path, data_dir: Path) -> float:
    with reindexing(Settings(data_dir=data_dir)) as flow:
        start = time.perf_counter()
        outcome = flow.run(open_source(source, columns={}), ReindexOptions())
        return outcome.receipt.seen / (time.perf_counter() - start)


def _peak_megabytes(count: int, folder: Path) -> float:
    """Peak resident memory of a fresh process that reindexes `count` products."""
    source, _ = catalog(count, folder)
    command = [sys.executable, "-m", "bench.reindex", str(source), str(folder / f"memory-{count}")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["megabytes"])


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 1) for value in values]


if __name__ == "__main__":
    _reindex_rate(Path(sys.argv[1]), Path(sys.argv[2]))
    json.dump({"megabytes": peak_megabytes()}, sys.stdout)
