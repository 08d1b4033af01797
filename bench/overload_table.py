"""The report of `bench.overload` as figures beside what was asked."""

from collections.abc import Mapping
from typing import Any

from bench.report import Figure

LEAST_GOODPUT, MOST_TARGETS, MOST_RECOVERY_SECONDS = 0.9, 2.0, 2.0
MOST_GROWTH = 1.05
"""What counts as flat: resident memory after over before."""


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return the figures."""
    overload, memory, times = report["overload"], report["memory_mb"], report["times"]
    ratio, recovery = report["goodput_over_capacity"], report["recovery_seconds"]
    capacities = [report[name]["capacity"] for name in ("capacity", "capacity_after")]
    growth = memory["after"] / memory["before"]
    strange = {status for status in overload["statuses"] if status not in ("200", "429")}
    return [
        Figure(
            f"goodput at {times}x over capacity",
            f"{ratio:.2f} ({overload['goodput_per_second']} a second; "
            f"capacity {capacities[0]} before, {capacities[1]} after)",
            f">= {LEAST_GOODPUT}",
            ratio >= LEAST_GOODPUT,
        ),
        _latency(report),
        Figure("answers by status", _counts(overload["statuses"]), "200 and 429", not strange),
        Figure("answers by the fast tier meanwhile", f"{report['by_the_fast_tier']:,}"),
        Figure(
            "resident memory after over before",
            f"{growth:.3f} ({memory['before']}, peak {memory['peak']}, {memory['after']} MB)",
            f"flat: <= {MOST_GROWTH}",
            growth <= MOST_GROWTH,
        ),
        Figure(
            "normal latency again after",
            "never" if recovery is None else f"{recovery:.2f} s",
            f"<= {MOST_RECOVERY_SECONDS:g} s",
            recovery is not None and recovery <= MOST_RECOVERY_SECONDS,
        ),
        Figure(
            "p50 and p99, ms: normal, overloaded",
            ", ".join(
                f"{report[phase]['p50_ms']} and {report[phase]['p99_ms']}"
                for phase in ("normal", "overload")
            ),
        ),
        Figure(
            "the client: cores, and how late it sent (p99)",
            f"{overload['client_cores']}, {overload['client_lag_p99_ms']} ms",
        ),
    ]


def _latency(report: Mapping[str, Any]) -> Figure:
    p99, target = report["overload"]["p99_ms"] / 1000, report["latency_target_seconds"]
    what = "p99 of accepted over the latency target"
    if not target:
        return Figure(what, f"{p99:.2f} s; no target is configured")
    ratio = p99 / target
    told = f"{ratio:.2f} ({p99:.2f} s over {target:g} s)"
    return Figure(what, told, f"<= {MOST_TARGETS:g}", ratio <= MOST_TARGETS)


def _counts(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{status}: {count:,}" for status, count in statuses.items())
