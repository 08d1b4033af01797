"""Reports of `bench.index` as a picture: recall against queries/s of each size, bytes a vector.

python -m bench.index_plot REPORT.json ... OUT.png
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.index_table import read_reports

_COLOURS = {
    "flat": "#7f7f7f",
    "hnsw": "#1f77b4",
    "ivf": "#2ca02c",
    "ivf-rabitq": "#d62728",
    "binary": "#9467bd",
    "usearch": "#ff7f0e",
}


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw a report of `bench.index`, a column a size.

    matplotlib is of the extra `train`.
    """
    import matplotlib as mpl  # noqa: PLC0415, of an extra

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    sizes = {int(size): kinds for size, kinds in report["rows"].items()}
    columns = sorted(sizes)
    figure, axes = plt.subplots(
        1, len(columns) + 1, figsize=(4.2 * (len(columns) + 1), 4), squeeze=False
    )
    for axis, size in zip(axes[0], columns, strict=False):
        _recall_and_rate(axis, size, sizes[size])
    _bytes(axes[0][-1], sizes[columns[-1]])
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _recall_and_rate(axis: Any, size: int, kinds: Mapping[str, Any]) -> None:
    for kind, told in kinds.items():
        points = sorted(told["curve"], key=lambda point: float(point["recall"]))
        recalls = [point["recall"] for point in points]
        rates = [point["queries_per_second"] for point in points]
        axis.plot(recalls, rates, marker="o", label=kind, color=_COLOURS.get(kind))
    axis.axvline(0.95, color="#cccccc", linestyle=":")
    axis.set_yscale("log")
    axis.set_xlim(0.8, 1.005)
    axis.set_xlabel("recall@10")
    axis.set_ylabel("queries/s, one thread")
    axis.set_title(f"{size:,} vectors")
    axis.legend(fontsize=8)


def _bytes(axis: Any, kinds: Mapping[str, Any]) -> None:
    names = list(kinds)
    sizes = [kinds[name]["bytes_per_vector"] for name in names]
    bars = axis.barh(names, sizes, color=[_COLOURS.get(name) for name in names])
    axis.bar_label(bars, fmt="%.0f", padding=3)
    axis.set_xlim(0, 1.15 * max(sizes))
    axis.invert_yaxis()
    axis.set_xlabel("bytes a vector")
    axis.set_title("index file")


if __name__ == "__main__":
    *given, out = sys.argv[1:]
    plot(read_reports(given), Path(out))
