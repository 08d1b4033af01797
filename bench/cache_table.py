"""The report of `bench.cache` as figures beside what was asked."""

from typing import Any

from bench.report import Figure

_LEAST = {"memory": 0.5, "redis": 0.3}


def figures(report: dict[str, Any]) -> list[Figure]:
    """Return the figures, in the order of the issue."""
    hits, herd = report["hits"], report["herd"]
    told = []
    for kept, least in _LEAST.items():
        for bare, what in (("bare_form", "parses the form"), ("bare_body", "reads the bytes")):
            ratio = hits["ratios"][f"{kept}_over_{bare}"]["per_second"]
            measured = f"{ratio['median']} ({ratio['least']} to {ratio['most']})"
            asked = f">= {least}" if bare == "bare_form" else ""
            met = ratio["median"] >= least if asked else None
            told.append(
                Figure(f"requests/s, kept in {kept}, over one that {what}", measured, asked, met)
            )
    rates = {name: spread["median"] for name, spread in hits["per_second"].items()}
    told.append(Figure("requests/s", ", ".join(f"{name} {rate:g}" for name, rate in rates.items())))
    costs = {name: spread["median"] for name, spread in hits["server_cpu_us"].items()}
    told.append(Figure("server, us", ", ".join(f"{name} {cost:g}" for name, cost in costs.items())))
    times = herd["times"]
    once = herd["answered"] == herd["requests"] and set(times.values()) == {1}
    told += [
        Figure(
            f"{herd['requests']} equal requests at once",
            ", ".join(f"{stage} {count}" for stage, count in times.items()),
            "each once",
            once and herd["different_answers"] == 1,
        ),
    ]
    return told
