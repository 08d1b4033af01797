"""What other bounds would do, on the half they are chosen on and on the half that is reported."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from bench.matching_measures import (
    Bench,
    changed,
    first_is_right,
    hits,
    kind_is_right,
    narrowed_p1,
    tasks,
)
from bench.matching_photos import Photos, choosing, reporting
from service.core.matching import confidence, lead_of

_HALVES = (("chosen on", choosing), ("reported", reporting))


def sweeps(bench: Bench) -> str:
    """Return every sweep as a Markdown table."""
    return "\n\n".join([_weak(bench), _similar(bench), _exact(bench), _sure(bench), _words(bench)])


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(titles)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _best(bench: Bench, queries: Photos, shop: Photos) -> NDArray[np.float64]:
    """Return the confidence of the best result of each query."""
    found = hits(queries, shop)
    return np.array([confidence(bench.calibration, each[0].similarity) for each in found])


def _weak(bench: Bench) -> str:
    absent = ((bench.shelf, bench.fashion), (bench.fashion_retaken, bench.grocery))
    present = (
        (bench.fashion_retaken, bench.fashion),
        (bench.street, bench.fashion),
        (bench.shelf, bench.grocery),
    )
    cases = [
        [_best(bench, half(asked), shop) for asked, shop in (*absent, *present)]
        for _, half in _HALVES
    ]
    names = ("shelf to fashion", "fashion to grocery", "retaken", "street", "shelf")
    titles = [f"{name}, {half}" for half, _ in _HALVES for name in names]
    return _table(
        ["WEAK", *titles],
        [
            [f"{bound:.2f}", *(f"{(best < bound).mean():.3f}" for half in cases for best in half)]
            for bound in (0.10, 0.12, 0.14, 0.16, 0.17, 0.18, 0.20, 0.22, 0.25)
        ],
    )


def _similar(bench: Bench) -> str:
    halves = []
    for _, half in _HALVES:
        queries = half(bench.street)
        found = hits(queries, bench.fashion)
        sure = [confidence(bench.calibration, each[0].similarity) for each in found]
        halves.append((np.array(sure), kind_is_right(bench, queries, found)))
    return _table(
        ["SIMILAR", *(f"right kind (share), {half}" for half, _ in _HALVES)],
        [
            [
                f"{bound:.2f}",
                *(
                    f"{right[b >= bound].mean():.3f} ({(b >= bound).mean():.3f})"
                    for b, right in halves
                ),
            ]
            for bound in (0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65)
        ],
    )


def _exact(bench: Bench) -> str:
    columns = []
    for _, half in _HALVES:
        for shop in (bench.fashion, bench.large):
            queries = half(bench.fashion_retaken)
            found = hits(queries, shop)
            sure = np.array([confidence(bench.calibration, each[0].similarity) for each in found])
            lead = np.array([lead_of(each) for each in found])
            columns.append((sure, lead, first_is_right(queries, found)))
    titles = [
        f"{shop} pictures, {half}"
        for half, _ in _HALVES
        for shop in (len(bench.fashion), len(bench.large))
    ]
    rows = []
    for bound in (0.70, 0.75, 0.80, 0.83, 0.86):
        for least in (0.0, 0.01, 0.02, 0.03, 0.04):
            row = [f"{bound:.2f}", f"{least:.2f}"]
            for sure, lead, right in columns:
                exact = (sure >= bound) & (lead >= least)
                row.append(f"{right[exact].mean():.3f} ({exact.mean():.3f})")
            rows.append(row)
    return _table(["EXACT", "LEAD", *(f"precision (share), {title}" for title in titles)], rows)


def _by_half(measure: Callable[[Photos], str], queries: Photos) -> list[str]:
    return [measure(half(queries)) for _, half in _HALVES]


def _sure(bench: Bench) -> str:
    rows = []
    for sure in (2.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9):
        row = ["never" if sure > 1 else f"{sure:.1f}"]
        for _, asked, shop, field, right in tasks(bench):

            def measure(queries: Photos) -> str:
                p1, share = narrowed_p1(bench, queries, shop, field, right, sure)  # noqa: B023
                return f"{p1:.3f} ({share:.3f})"

            row += _by_half(measure, asked)
        rows.append(row)
    names = [f"{name} P@1 (share), {half}" for name, *_ in tasks(bench) for half, _ in _HALVES]
    return _table(["SURE", *names], rows)


def _words(bench: Bench) -> str:
    rows = []
    for weight in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0):

        def measure(queries: Photos) -> str:
            both, kind, colour = changed(bench, queries, weight)  # noqa: B023
            return f"{both:.3f} (type {kind:.3f}, colour {colour:.3f})"

        rows.append([f"{weight:.1f}", *_by_half(measure, bench.hires)])
    return _table(["WORDS_WEIGHT", *(f"type and colour, {half}" for half, _ in _HALVES)], rows)
