"""How memory growth is read off samples, and what the soak's and the outage's reports ask."""

from typing import Any

import numpy as np
import pytest

from bench import redis_outage, soak


def test_growth_is_that_of_the_second_half_alone() -> None:
    seconds = np.arange(601.0)
    warming = np.minimum(seconds, 300) + 100
    assert soak.growth(np.stack([seconds, warming], 1)) == pytest.approx(0, abs=1e-9)

    leaking = 200 + 0.1 * seconds  # 230 MB at half, 260 at the end
    assert soak.growth(np.stack([seconds, leaking], 1)) == pytest.approx(30 / 230, rel=1e-6)


def test_peaks_while_a_large_picture_is_decoded_are_no_growth() -> None:
    seconds = np.arange(600.0)
    memory = np.full(600, 300.0)
    memory[::30] += 36
    assert abs(soak.growth(np.stack([seconds, memory], 1))) < 0.005


def test_a_soak_that_grows_or_errs_misses() -> None:
    report: dict[str, Any] = {
        "seconds": 600,
        "requests": 1000,
        "errors": {},
        "memory_growth": 0.02,
        "memory_mb": {"half": 300.0, "last": 306.0, "most": 340.0},
        "p50_ms": 20.0,
        "p99_ms": 200.0,
    }
    assert [figure.met for figure in soak.figures(report)] == [True, True, None]
    grown = soak.figures(report | {"memory_growth": 0.021})
    assert [figure.met for figure in grown] == [False, True, None]
    wrong = soak.figures(report | {"errors": {"page: status 500": 1}})
    assert [figure.met for figure in wrong] == [True, False, None]


def test_an_outage_that_fails_or_slows_searches_misses() -> None:
    ratios = {"at rest": 1.0, "killed": 1.5, "restarted": 1.2, "hung": 9.0, "resumed": 2.0}
    report: dict[str, Any] = {
        "requests_per_second": 40.0,
        "requests": 900,
        "failed": 0,
        "refused": 0,
        "phases": {"at rest": [{"p99_ms": 50.0}]},
        "p99_over_rest": {name: [ratio] for name, ratio in ratios.items()},
        "p99_over_rest_median": ratios,
    }
    assert [figure.met for figure in redis_outage.figures(report)] == [True] * 3 + [None] * 3
    for changed in ({"failed": 1}, {"refused": 1}):
        assert redis_outage.figures(report | changed)[0].met is False
    slow = report | {"p99_over_rest_median": ratios | {"killed": 1.51}}
    assert redis_outage.figures(slow)[1].met is False
