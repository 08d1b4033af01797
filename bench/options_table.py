"""The report of `bench.options` as figures beside what was asked."""

from collections.abc import Mapping
from typing import Any

from bench.options_cases import CASES, Case
from bench.report import Figure

MOST_MS = 3.0
_SIDES = {"snapshot": "", "with_writes": ", live writes laid over"}


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return what each case costs over a plain search, HTTP and in process beside each other."""
    rows = []
    for side, said in _SIDES.items():
        http, pipeline = report[side]["http"], report[side]["pipeline"]
        plain = f"{http['plain_ms']:.2f} ms; in process {pipeline['plain_ms']:.2f}"
        rows.append(Figure(f"plain{said}", plain))
        rows += [_figure(case, said, http, pipeline) for case in CASES]
    return rows


def _figure(case: Case, said: str, http: Mapping[str, Any], pipeline: Mapping[str, Any]) -> Figure:
    outside, inside = (told["over_plain_ms"][case.name] for told in (http, pipeline))
    measured = (
        f"{outside['median']:+.2f} ms; in process {inside['median']:+.2f},"
        f" processor {inside['stages']['processor']:+.2f}"
    )
    if not case.judged:
        return Figure(f"{case.name}{said}", measured)
    met = outside["median"] <= MOST_MS
    return Figure(f"{case.name}{said}", measured, f"<= {MOST_MS:g} ms", met)
