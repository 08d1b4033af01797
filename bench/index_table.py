"""Reports of `bench.index` as Markdown: figures beside what was asked, then the whole.

python -m bench.index_table REPORT.json ...
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report import Figure, markdown

LEAST_RATIO, LEAST_RECALL, MOST_SECONDS = 0.9, 0.95, 2.0
_HELD_TO_RAW, _HELD_FROM = ("hnsw", "ivf"), 1_000_000
"""Below, a search takes so little that some microseconds of Python show; told, but not judged."""
Report = Mapping[str, Any]


def merged(reports: Iterable[Report]) -> dict[str, Any]:
    """Return several reports as one, by size; of what was measured twice the last counts."""
    rows: dict[str, dict[str, Any]] = {}
    for report in reports:
        for size, kinds in report["rows"].items():
            rows.setdefault(size, {}).update(kinds)
    return {"rows": {size: rows[size] for size in sorted(rows, key=int)}}


def read_reports(names: Sequence[str]) -> dict[str, Any]:
    """Read JSON that `bench.index` printed, several files as one report."""
    return merged(json.loads(Path(name).read_text()) for name in names)


def tables(report: Report) -> str:
    """Return every table of a report."""
    parts = [markdown(figures(report)), _kinds(report), _starts(report), *_filters(report)]
    return "\n\n".join(parts)


def figures(report: Report) -> list[Figure]:
    """Return the figures that were asked for."""
    rows = []
    for size, kind, told in _each(report):
        name = f"{kind}, {int(size):,} vectors"
        if kind in _HELD_TO_RAW:
            ratio, recall = told["over_raw"]["median"], told["recall"]
            measured = f"{ratio:.2f} x at recall@10 {recall:.3f}"
            what = f"queries/s over raw FAISS: {name}"
            met = ratio >= LEAST_RATIO and recall >= LEAST_RECALL
            asked = f">= {LEAST_RATIO} x at >= {LEAST_RECALL}"
            held = int(size) >= _HELD_FROM
            rows.append(Figure(what, measured, *((asked, met) if held else ())))
        least = min(each["recall"] for way in told["filtered"].values() for each in way.values())
        what = f"least recall@10 of any filter: {name}"
        met = least >= LEAST_RECALL
        rows.append(Figure(what, f"{least:.3f}", f">= {LEAST_RECALL}", met))
        seconds = told["start"]["first_search_seconds"]
        what, asked = f"load to first search: {name}", f"< {MOST_SECONDS:.0f} s"
        rows.append(Figure(what, f"{seconds:.2f} s", asked, seconds < MOST_SECONDS))
    return rows


def _kinds(report: Report) -> str:
    head = (
        "vectors", "kind", "point", "recall@10", "queries/s", "over raw FAISS",
        "over raw in memory", "over usearch", "index bytes a vector",
        "build s", "of processors", "build MB",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for size, kind, told in _each(report):
        point = ", ".join(f"{name} {value}" for name, value in told["search"].items())
        rate, build = told["queries_per_second"], told["build"]
        rows.append(
            (f"{int(size):,}", kind, point, f"{told['recall']:.3f}", f"{rate['ours']:,.0f}",
             _ratio(told, "raw"), _ratio(told, "raw_in_memory"), _ratio(told, "usearch"),
             f"{told['bytes_per_vector']:,.0f}", *_built(build))
        )  # fmt: skip
    for size, kinds in report["rows"].items():
        if told := kinds.get("usearch"):
            point = told["chosen"]
            rows.append(
                (f"{int(size):,}", "usearch", f"expansion {point['expansion']}",
                 f"{point['recall']:.3f}", f"{point['queries_per_second']:,.0f}", "", "", "",
                 f"{told['bytes_per_vector']:,.0f}", *_built(told["build"]))
            )  # fmt: skip
    return _table(head, rows)


def _built(build: Mapping[str, float]) -> Iterator[str]:
    for name in ("seconds", "processor_seconds", "peak_megabytes"):
        yield f"{build[name]:,.0f}" if name in build else ""


def _starts(report: Report) -> str:
    head = (
        "vectors", "kind", "load s", "first search s", "of processors", "the same, files on disk",
        "cold ms: first", "median", "warm ms", "own MB",
    )  # fmt: skip
    rows = []
    for size, kind, told in _each(report):
        start, disk = told["start"], told["start_from_disk"]
        cold = start["cold_milliseconds"]
        rows.append(
            (f"{int(size):,}", kind, f"{start['load_seconds']:.2f}",
             f"{start['first_search_seconds']:.2f}", f"{start['processor_seconds']:.2f}",
             f"{disk['first_search_seconds']:.2f}",
             f"{cold['first']:.2f}", f"{cold['median']:.2f}",
             f"{start['warm_milliseconds']:.2f}", f"{start['own_megabytes']:,.0f}")
        )  # fmt: skip
    return _table(head, rows)


def _filters(report: Report) -> Iterator[str]:
    """Yield a table of each way to draw a filter."""
    for way in ("random", "one direction"):
        shares = [share for _, _, told in _each(report) for share in told["filtered"][way]]
        columns = list(dict.fromkeys(shares))
        rows = []
        for size, kind, told in _each(report):
            found = told["filtered"][way]
            rows.append((f"{int(size):,}", kind, *(_answer(found.get(c)) for c in columns)))
        head = ("vectors", "kind", *(f"{share} kept" for share in columns))
        yield f"Rows kept: {way}; recall@10, ms a query, and how\n\n" + _table(head, rows)


def _answer(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    return f"{found['recall']:.3f}, {found['milliseconds']:.2f} {found['way']}"


def _ratio(told: Report, name: str) -> str:
    ratio = told.get(f"over_{name}")
    if not ratio:
        return ""
    least, most = min(ratio["rounds"]), max(ratio["rounds"])
    return f"{ratio['median']:.2f} ({least:.2f} to {most:.2f})"


def _each(report: Report) -> Iterator[tuple[str, str, Report]]:
    for size, kinds in report["rows"].items():
        for kind, told in kinds.items():
            if kind != "usearch":
                yield size, kind, told


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(tables(read_reports(sys.argv[1:])))
