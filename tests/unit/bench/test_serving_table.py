"""Reports of serving and latency as figures: which are judged, by what, and what is drawn."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.report import Figure, markdown
from bench.serving_plot import plot
from bench.serving_table import latency_figures, serving_figures


def side(rates: list[float], ratios: list[float], p99: list[float], p99_all: float) -> Any:
    return {
        "answers_per_second": rates,
        "ratio_rounds": ratios,
        "ratio_median": sorted(ratios)[len(ratios) // 2],
        "ratio_net_median": 0.99,
        "p99_ms": p99,
        "p99_ms_all": p99_all,
        "client_share": 0.02,
        "processor_ms": 20.5,
    }


def report(ratio: float, left_out: tuple[str, ...] = ()) -> Any:
    sides = {
        "raw": {"images_per_second": [100.0, 110.0, 90.0], "processor_ms": 20.0},
        "service": side([96, 98, 97], [ratio - 0.01, ratio, ratio + 0.01], [9, 10, 11], 10.0),
        "fastapi": side([90, 99, 80], [0.9, 0.9, 0.9], [20, 20, 20], 20.0),
        "litserve": side([98, 99, 80], [0.9, 0.9, 0.9], [5, 5, 5], 5.0),
    }
    told = {"left_out": list(left_out), "concurrency": {str(n): sides for n in (1, 8, 32)}}
    return {"default": told}


def named(figures: list[Figure], what: str) -> Figure:
    (found,) = [figure for figure in figures if figure.what == what]
    return found


def test_throughput_is_judged_under_load_and_against_peers_always() -> None:
    figures = serving_figures(report(0.98))
    assert len(figures) == 3 * (2 + 2 * 2)
    assert named(figures, "answers/s over raw session.run, default, 1 at once").met is None
    assert named(figures, "answers/s over raw session.run, default, 8 at once").met
    assert named(figures, "answers/s over fastapi, default, 1 at once").met
    # 98 of three rounds: ahead in one alone.
    assert not named(figures, "answers/s over litserve, default, 32 at once").met
    assert named(figures, "p99 over fastapi, default, 1 at once").met is None
    assert named(figures, "p99 over fastapi, default, 8 at once").met
    assert named(figures, "p99 over litserve, default, 32 at once").met is False
    processor = named(figures, "processor's ms an answer, default, 8 at once").measured
    assert processor == "raw 20.00, service 20.50, fastapi 20.50, litserve 20.50"
    assert "0.980 (rounds 0.97 to 0.99); 97.0 over 100.0 /s" in markdown(figures)


def test_a_shortfall_and_a_peer_that_is_missing_are_said() -> None:
    figures = serving_figures(report(0.969, left_out=("litserve is left out: ...",)))
    assert not named(figures, "answers/s over raw session.run, default, 32 at once").met
    assert named(figures, "peers, default").measured == "litserve is left out: ..."


@pytest.mark.parametrize(("p50", "p99", "met"), [(1.08, 1.3, True), (1.081, 1.301, False)])
def test_latency_is_judged_by_the_median_of_rounds_and_the_p99_of_all(
    p50: float, p99: float, met: bool
) -> None:
    share = {"service_ms": [4.0], "direct_ms": [4.0], "ratio_rounds": [1.0, 2.0]}
    told = {
        "p50": {**share, "ratio_median": p50, "ratio_all": 9.0},
        "p99": {**share, "ratio_median": 9.0, "ratio_all": p99},
    }
    figures = latency_figures({"vit": told})
    assert [figure.met for figure in figures] == [met, met]
    assert "(rounds 1.00 to 2.00)" in figures[0].measured


def test_rates_and_waits_are_drawn_a_column_a_model(tmp_path: Path) -> None:
    plot({"default": report(0.98)["default"], "vit": report(0.9)["default"]}, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1100, 770)
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 50
