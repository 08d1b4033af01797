"""A run's log as a picture: losses over steps, a line a head."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

_NO_CURVE = {"step", "patch", "time"}


def plot_curves(log: Path, out: Path) -> None:
    """Draw `log.jsonl` of a run into a PNG."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    names = sorted({name for row in rows for name in row} - _NO_CURVE)
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), label=name, linewidth=2 if name == "loss" else 1)
    axes.set(xlabel="step", ylabel="loss", yscale="log", title=out.parent.name)
    axes.legend(ncols=2)
    axes.grid(alpha=0.3)
    figure.savefig(out, dpi=110)
    plt.close(figure)
