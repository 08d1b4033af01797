"""The bench of what options cost, over few products: every case is answered and told."""

from bench.options import measure
from bench.options_cases import CASES, Case
from bench.options_table import figures
from bench.report import markdown


def test_every_case_is_compared_over_http_and_in_process_with_writes_and_without() -> None:
    report = measure(rows=600, writes=40, rounds=1)
    assert [report[side]["delta_rows"] for side in ("snapshot", "with_writes")] == [0, 40]
    for side in ("snapshot", "with_writes"):
        http, pipeline = report[side]["http"], report[side]["pipeline"]
        names = {case.name for case in CASES}
        assert http["over_plain_ms"].keys() == pipeline["over_plain_ms"].keys() == names
        assert http["plain_ms"] > pipeline["plain_ms"] > 0
        stages = pipeline["over_plain_ms"]["all, filter 50 %, new"]["stages"]
        assert stages["filter"] > 0
        assert stages.keys() >= {"search", "products", "processor"}
        assert "filter" not in pipeline["over_plain_ms"]["diversity 0.5"]["stages"]
    rows = figures(report)
    assert len(rows) == 2 * (len(CASES) + 1)
    assert sum(row.met is not None for row in rows) == 2 * sum(case.judged for case in CASES)
    slow = report["with_writes"]["http"]["over_plain_ms"]["all, filter 5 %, new"]
    slow["median"] = 3.01
    assert "+3.01 ms" in "".join(
        line for line in markdown(figures(report)).splitlines() if "MISSED" in line
    )


def test_a_new_filter_differs_with_every_request() -> None:
    new, known = (Case("a", {"limit": "5"}, "price:..10", new=new) for new in (True, False))
    assert new.fields(1) != new.fields(2)
    assert known.fields(1) == known.fields(2) == {"limit": "5", "filter": "price:..10"}
    assert Case("plain").fields(3) == {}
