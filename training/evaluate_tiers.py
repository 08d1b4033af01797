"""What each tier costs: single pictures through ONNX Runtime on the CPU, in alternating blocks."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from service.adapters.onnx_encoder import OnnxEncoder
from service.core.types import Pixels

_ROUNDS = 15
_BLOCK = 10
_WARM_UP = 2  # of a block: right after another tier's block, caches are cold


@dataclass(frozen=True, slots=True)
class TierCost:
    """One tier.

    Attributes:
        file: Its graph.
        patch: None where it is not known.
        tokens: Likewise.
        megabytes: Of the graph; weights that tiers share are a file of their own.
        milliseconds: Median of one picture, from uint8 pixels to the vector and the heads.
        ratio: To the first tier's milliseconds.
    """

    tier: str
    file: str
    patch: int | None
    tokens: int | None
    megabytes: float
    milliseconds: float
    ratio: float


def evaluate_tiers(
    folder: Path, encoders: Mapping[str, OnnxEncoder], pictures: Pixels, rounds: int = _ROUNDS
) -> list[TierCost]:
    """Time every tier; only ratios compare across machines, or across hours on a shared one.

    Args:
        folder: Of the bundle.
        encoders: By the name of the tier, the default first.
        pictures: (n, size, size, 3) uint8, encoded one at a time in turn.
        rounds: Blocks of each tier.
    """
    seconds: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(rounds):
        for name, encoder in encoders.items():
            for call in range(_BLOCK + _WARM_UP):
                picture = pictures[call % len(pictures)][None]
                start = time.perf_counter()
                encoder.classify(picture)
                if call >= _WARM_UP:
                    seconds[name].append(time.perf_counter() - start)
    medians = {name: median(taken) for name, taken in seconds.items()}
    first = next(iter(medians.values()))
    return [
        TierCost(
            tier=name,
            file=encoder.tier.file,
            patch=encoder.tier.patch,
            tokens=encoder.tier.tokens,
            megabytes=(folder / encoder.tier.file).stat().st_size / 1e6,
            milliseconds=1000 * medians[name],
            ratio=medians[name] / first,
        )
        for name, encoder in encoders.items()
    ]


def file_sizes(folder: Path) -> dict[str, float]:
    """Return the MB of every file of a bundle."""
    return {file.name: file.stat().st_size / 1e6 for file in sorted(folder.iterdir())}
