"""The table says what is met, of what was measured."""

from typing import Any

from bench.cache_table import figures
from bench.report import Figure


def report(**changed: Any) -> dict[str, Any]:
    def ratio(value: float) -> dict[str, dict[str, float]]:
        return {"per_second": {"median": value, "least": value - 0.1, "most": value + 0.1}}

    one = {"median": 100.0}
    figures_of = {"near_form": 0.5, "far_form": 0.3, "embed": 1}
    figures_of |= changed
    return {
        "hits": {
            "ratios": {
                "memory_over_bare_form": ratio(figures_of["near_form"]),
                "memory_over_bare_body": ratio(0.2),
                "redis_over_bare_form": ratio(figures_of["far_form"]),
                "redis_over_bare_body": ratio(0.1),
            },
            "per_second": {"memory": one, "redis": one},
            "server_cpu_us": {"memory": one, "redis": one},
        },
        "herd": {
            "requests": 200,
            "answered": 200,
            "different_answers": 1,
            "times": {"decode": 1, "embed": figures_of["embed"], "search": 1},
        },
    }


def missed(told: list[Figure]) -> int:
    return sum(figure.met is False for figure in told)


def test_all_is_met_at_its_bound() -> None:
    told = figures(report())
    assert missed(told) == 0
    assert sum(figure.met is True for figure in told) == 3


def test_each_figure_is_missed_by_itself() -> None:
    for changed in (
        {"near_form": 0.499},
        {"far_form": 0.299},
        {"embed": 2},
    ):
        assert missed(figures(report(**changed))) == 1
