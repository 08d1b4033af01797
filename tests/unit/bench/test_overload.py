"""When a service has recovered, and what the overload's report says was met."""

from typing import Any

from bench.open_loop import Offered, Sent
from bench.overload import recovery_seconds
from bench.overload_table import figures


def test_recovered_once_a_window_is_as_fast_as_the_slowest_before() -> None:
    normal = _every_50_ms([20, 30, 20, 20])
    assert recovery_seconds(normal, _every_50_ms([900, 31, 30, 400])) == 0.75
    assert recovery_seconds(normal, _every_50_ms([10])) == 0.25


def test_not_recovered_while_anything_is_refused_or_slow() -> None:
    normal = _every_50_ms([20, 20])
    assert recovery_seconds(normal, _every_50_ms([10, 10], status=429)) is None
    assert recovery_seconds(normal, _every_50_ms([21, 90])) is None
    never_well = _every_50_ms([20, 20], status=429)
    assert recovery_seconds(never_well, _every_50_ms([20, 20])) is None


def test_what_was_asked_is_told_as_met_or_missed() -> None:
    met = {figure.what: figure.met for figure in figures(_report())}
    assert set(met.values()) == {True, None}

    for changed in (
        {"goodput_over_capacity": 0.89},
        {"recovery_seconds": None},
        {"recovery_seconds": 2.25},
        {"latency_target_seconds": 0.4},
        {"memory_mb": {"before": 100.0, "peak": 120.0, "after": 106.0}},
        {"overload": _offered(statuses={"200": 50, "429": 40, "503": 1})},
    ):
        verdicts = [figure.met for figure in figures(_report() | changed)]
        assert verdicts.count(False) == 1, changed


def _every_50_ms(medians: list[float], status: int = 200) -> Offered:
    """Five requests a quarter of a second, each window of one latency in ms."""
    latencies = [ms for ms in medians for _ in range(5)]
    due = [0.05 * number for number in range(len(latencies))]
    requests = tuple(
        Sent(at, at, at + ms / 1000, status) for at, ms in zip(due, latencies, strict=True)
    )
    return Offered(0.25 * len(medians), requests, 0)


def _report() -> dict[str, Any]:
    return {
        "times": 5,
        "capacity": {"capacity": 100.0},
        "capacity_after": {"capacity": 100.0},
        "normal": _offered(),
        "overload": _offered(statuses={"200": 900, "429": 4100}),
        "goodput_over_capacity": 0.9,
        "by_the_fast_tier": 0,
        "recovery_seconds": 2.0,
        "memory_mb": {"before": 100.0, "peak": 120.0, "after": 105.0},
        "latency_target_seconds": 0.5,
    }


def _offered(statuses: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "goodput_per_second": 90.0,
        "p50_ms": 400.0,
        "p99_ms": 1000.0,
        "statuses": statuses or {"200": 100},
        "client_cores": 0.1,
        "client_lag_p99_ms": 2.0,
    }
