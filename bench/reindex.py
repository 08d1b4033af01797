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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.child import peak_megabytes
from bench.pictures import catalog, encoded
from bench.plan import Plan
from bench.report import Figure
from service.adapters.catalog_sources import open_source
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.preprocess import decode_for, preprocess
from service.encoders import make_encoder
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import reindexing

LEAST_RATIO, MOST_GROWTH = 0.7, 1.1
_BATCHES = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class _Amount:
    """Of measuring: pictures of a round, and products of the catalogues that show memory."""

    rounds: int
    pictures: int
    sizes: tuple[int, int]


_FULL, _SHORT = _Amount(3, 1000, (1000, 8000)), _Amount(1, 40, (40, 80))


def measure(plan: Plan) -> dict[str, Any]:
    """Return rates, their ratio round by round, and peak memory at both sizes."""
    amount = _SHORT if plan.short else _FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, origin = catalog(amount.pictures, plan.keep)
        encoder = make_encoder(Settings())
        raw, flow, ratios = [], [], []
        for number in range(amount.rounds):
            raw.append(_encoder_best(encoder, encoded(source, 256)))
            flow.append(_reindex_rate(source, folder / f"data-{number}"))
            ratios.append(flow[-1] / raw[-1])
        memory = {
            str(size): _peak_megabytes(catalog(size, plan.keep)[0], folder) for size in amount.sizes
        }
    small, large = (memory[str(size)] for size in amount.sizes)
    return {
        "pictures": origin,
        "encoder_images_per_second": _rounded(raw),
        "reindex_images_per_second": _rounded(flow),
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 3),
        "peak_megabytes": memory,
        "memory_growth": round(large / small, 3),
    }


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return rate and memory beside what was asked."""
    ratio, growth = report["ratio_median"], report["memory_growth"]
    rounds = ", ".join(f"{each:.2f}" for each in report["ratio_rounds"])
    sizes, peaks = zip(*report["peak_megabytes"].items(), strict=True)
    return [
        Figure(
            "reindex, images/s over the encoder's own best",
            f"{ratio:.2f} (rounds {rounds})",
            f">= {LEAST_RATIO}",
            ratio >= LEAST_RATIO,
        ),
        Figure(
            f"reindex, peak memory at {sizes[1]} over {sizes[0]} products",
            f"{growth:.2f} ({peaks[1]:.0f} over {peaks[0]:.0f} MB)",
            f"<= {MOST_GROWTH}",
            growth <= MOST_GROWTH,
        ),
    ]


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


def _peak_megabytes(source: Path, folder: Path) -> float:
    """Peak resident memory of a fresh process that reindexes a catalogue."""
    command = [sys.executable, "-m", "bench.reindex", str(source), str(folder / source.stem)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["megabytes"])


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 1) for value in values]


if __name__ == "__main__":
    _reindex_rate(Path(sys.argv[1]), Path(sys.argv[2]))
    json.dump({"megabytes": peak_megabytes()}, sys.stdout)
