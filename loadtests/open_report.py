"""Latency against rate, as a table and as a picture: what `loadtests.open` found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LINES = {"p50": "#1f77b4", "p90": "#2ca02c", "p99": "#ff7f0e", "p99.9": "#d62728"}


def markdown(found: Mapping[str, Any]) -> str:
    """Return a line a rate; milliseconds are of good answers, from when they were due."""
    rows = [
        "| offered/s | good/s | p50 ms | p90 | p99 | p99.9 | refused | failed | client's cores |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for point in found["rates"]:
        latencies = " | ".join(f"{point[f'{name}_ms']:.0f}" for name in _LINES)
        rows.append(
            f"| {point['offered_per_second']} | {point['goodput_per_second']} | {latencies} "
            f"| {point['statuses'].get('429', 0):,} | {point['failed']:,} "
            f"| {point['client_cores']} |"
        )
    return "\n".join(rows)


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw latency and goodput against the rate offered; matplotlib is of the extra `train`."""
    import matplotlib as mpl  # noqa: PLC0415, of an extra

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    points, capacity = found["rates"], found["capacity_per_second"]
    rates = [point["offered_per_second"] for point in points]
    figure, (latency, goodput) = plt.subplots(1, 2, figsize=(9, 3.8))
    for name, colour in _LINES.items():
        values = [point[f"{name}_ms"] for point in points]
        latency.plot(rates, values, marker="o", label=name, color=colour)
    latency.set_yscale("log")
    latency.set_ylabel("ms, from when it was due")
    latency.legend(fontsize=8)
    good = [point["goodput_per_second"] for point in points]
    goodput.plot(rates, good, marker="o", color="#1f77b4")
    goodput.plot(rates, rates, color="#cccccc", linestyle=":")
    goodput.set_ylabel("good answers/s")
    for axis in (latency, goodput):
        axis.axvline(capacity, color="#cccccc", linestyle="--")
        axis.set_xlabel("requests/s offered; dashed: capacity")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
