"""A report of `bench.serving` as a picture: throughput over p99 by concurrency, a column a model.

python -m bench.serving_plot REPORT.json OUT.png
"""

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_COLOURS = {
    "raw": "#7f7f7f",
    "service": "#1f77b4",
    "fastapi": "#2ca02c",
    "litserve": "#ff7f0e",
}


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw it; matplotlib is of the extra `train`."""
    import matplotlib as mpl  # noqa: PLC0415, of an extra

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(2, len(report), figsize=(5 * len(report), 7), squeeze=False)
    for column, (model, told) in enumerate(report.items()):
        by_side = _by_side(told["concurrency"])
        top, bottom = axes[0][column], axes[1][column]
        for side, points in by_side.items():
            rates = [rate for _, rate, _ in points]
            top.plot([c for c, _, _ in points], rates, "o-", label=side, color=_COLOURS.get(side))
            waits = [(c, p99) for c, _, p99 in points if p99 is not None]
            if waits:
                bottom.plot(*zip(*waits, strict=True), "o-", color=_COLOURS.get(side))
        top.set_title(model)
        top.set_ylabel("answers a second")
        top.set_ylim(bottom=0)
        top.legend(fontsize=8)
        bottom.set_ylabel("p99, ms")
        bottom.set_yscale("log")
        bottom.set_xlabel("searches at once")
        for axis in (top, bottom):
            axis.set_xscale("log", base=2)
            axis.set_xticks([int(each) for each in told["concurrency"]])
            axis.xaxis.set_major_formatter("{x:.0f}")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _by_side(concurrency: Mapping[str, Any]) -> dict[str, list[tuple[int, float, float | None]]]:
    """Return of each side its concurrencies, rates and p99, which raw has none of."""
    found: dict[str, list[tuple[int, float, float | None]]] = {}
    for connections, sides in concurrency.items():
        for side, told in sides.items():
            rounds = told["images_per_second" if side == "raw" else "answers_per_second"]
            p99 = told.get("p99_ms_all")
            found.setdefault(side, []).append((int(connections), statistics.median(rounds), p99))
    return found


if __name__ == "__main__":
    given, out = sys.argv[1:]
    plot(json.loads(Path(given).read_text())["serving"], Path(out))
