"""The index benchmark, run small: it reports what there is, and judges it by what was asked."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import index, index_rates, index_start, usearch_beside
from bench.index_plot import plot
from bench.index_rows import DIM, RECEIPT, Rows, bundle
from bench.index_table import figures, merged, read_reports, tables
from bench.memory import drop_from_cache, own_megabytes, peak_megabytes
from service.adapters.half_vectors import HalfVectors
from service.adapters.snapshots import SnapshotFolder

ROWS = 2000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two kinds, one that FAISS has and one that it has not, measured as `main` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "_STARTS", 1)
        patch.setattr(index_rates, "_ROUNDS", 2)
        folder = tmp_path_factory.mktemp("indexes")
        return {"rows": {str(ROWS): index.measure(ROWS, ["hnsw", "binary"], folder, None)}}


def test_each_kind_is_built_started_searched_and_filtered(report: dict[str, Any]) -> None:
    kinds = report["rows"][str(ROWS)]
    assert kinds.keys() - {"usearch"} == {"hnsw", "binary"}
    for told in (kinds["hnsw"], kinds["binary"]):
        assert 0.9 < told["recall"] <= 1
        assert told["queries_per_second"]["ours"] > 0
        assert told["build"]["seconds"] > 0
        assert told["build"]["peak_megabytes"] > told["start"]["own_megabytes"] / 2 > 5
        assert told["start"]["first_search_seconds"] >= told["start"]["load_seconds"] > 0
        assert told["start_from_disk"]["cold_milliseconds"]["worst"] > 0
        assert [*told["filtered"]["random"]] == ["50.00%", "10.00%", "1.00%", "0.10%"]
        assert all(
            each["recall"] == 1 for way in told["filtered"].values() for each in way.values()
        ), "so few rows are read one by one"
    assert (kinds["hnsw"]["bytes_per_vector"], kinds["binary"]["bytes_per_vector"]) == (
        pytest.approx(784, abs=20),
        pytest.approx(32, abs=1),
    )
    assert kinds["hnsw"]["over_raw"]["median"] > 0.2
    assert "over_raw" not in kinds["binary"]
    efforts = [point["ef_search"] for point in kinds["hnsw"]["curve"]]
    assert efforts == sorted(set(efforts))
    assert kinds["hnsw"]["search"]["ef_search"] in efforts


def test_tables_hold_every_size_and_kind(report: dict[str, Any]) -> None:
    text = tables(report)
    assert text.count("| 2,000 | hnsw |") == text.count("| 2,000 | binary |") == 4
    assert "Rows kept: one direction" in text
    (ratio,) = (figure for figure in figures(report) if "over raw" in figure.what)
    assert ratio.met is None, "it is held to at a million"


def test_what_falls_short_is_said(report: dict[str, Any]) -> None:
    short = {"rows": {"1000000": deepcopy(report["rows"][str(ROWS)])}}
    told = short["rows"]["1000000"]["hnsw"]
    told["over_raw"]["median"] = 0.89
    told["filtered"]["one direction"]["1.00%"]["recall"] = 0.94
    told["start"]["first_search_seconds"] = 2.5
    missed = [figure for figure in figures(short) if figure.met is False]
    assert [figure.measured[:4] for figure in missed] == ["0.89", "0.94", "2.50"]
    told["over_raw"]["median"], told["recall"] = 1.0, 0.94
    assert "MISSED" in tables(short).splitlines()[2]


def test_reports_of_one_size_are_told_as_one(report: dict[str, Any], tmp_path: Path) -> None:
    kinds = report["rows"][str(ROWS)]
    names = []
    for kind, told in kinds.items():
        path = tmp_path / f"{kind}.json"
        path.write_text(json.dumps({"rows": {str(ROWS): {kind: told}}}))
        names.append(str(path))
    assert read_reports(names) == report
    assert merged([report, {"rows": {"5": {"hnsw": 1}}}])["rows"].keys() == {"5", str(ROWS)}


def test_a_plot_is_drawn(report: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(report, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not usearch_beside.installed(), reason="usearch is not installed: '.[bench]'")
def test_usearch_is_given_the_same_rows(report: dict[str, Any], tmp_path: Path) -> None:
    told = report["rows"][str(ROWS)]["usearch"]
    assert told["chosen"]["recall"] >= 0.95
    assert report["rows"][str(ROWS)]["hnsw"]["over_usearch"]["median"] > 0
    vectors = Rows(0).drawn(300, seed=1)
    halves = HalfVectors(vectors.astype(np.float16))
    beside = usearch_beside.build(halves, tmp_path / "index")
    np.testing.assert_array_equal(beside.found(vectors, 1)[:, 0], np.arange(300))
    again = usearch_beside.build(halves, tmp_path / "index")
    np.testing.assert_array_equal(again.found(vectors, 1)[:, 0], np.arange(300))


def test_rows_are_seeded_of_unit_length_and_like_the_ones_they_jitter(tmp_path: Path) -> None:
    rows = Rows(100)
    (part,) = rows.rows("", 10)
    np.testing.assert_array_equal(part.vectors, rows.drawn(100, seed=1))
    np.testing.assert_allclose(np.linalg.norm(part.vectors, axis=1), 1, atol=1e-6)
    assert part.vectors.shape == (100, DIM)
    snapshots = SnapshotFolder(tmp_path)
    with pytest.raises(SystemExit, match="nothing is indexed"):
        Rows(10, tmp_path)
    snapshots.promote(snapshots.build(rows, bundle(DIM), RECEIPT).manifest.version)  # type: ignore[arg-type]
    jittered = Rows(10, tmp_path).drawn(50, seed=7)
    nearest = (jittered @ part.vectors.T).max(axis=1)
    assert 0.7 < np.median(nearest) < 0.999


def test_a_start_from_disk_reads_what_was_dropped(tmp_path: Path) -> None:
    store = Rows(200)
    SnapshotFolder(tmp_path).build(store, bundle(DIM), RECEIPT)  # type: ignore[arg-type]
    told = index_start.start(tmp_path, store.drawn(101, seed=5), cold=True)
    assert json.loads(json.dumps(told)) == told
    assert peak_megabytes() >= own_megabytes() > 10
    with pytest.raises(FileNotFoundError):
        drop_from_cache([tmp_path / "gone"])
