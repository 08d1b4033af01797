"""Reports of runs, and the failures of each, as files."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from service.adapters.run_records import KEPT, RunFolder
from service.core.errors import StoreError
from service.core.manifest import Receipt
from service.core.receipts import NoRecords, RunEnd, RunReport
from service.core.types import Failure

RECEIPT = Receipt(
    products=3,
    seen=4,
    new=1,
    changed=1,
    embedded=2,
    reused=1,
    failed=1,
    removed=0,
    coverage=0.75,
    seconds=1.5,
)
FAILURE = Failure("a", "https://shop.example/a.jpg", "fetch_failed", "HTTP 404")


def names(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "receipts").iterdir())


def kept(data_dir: Path, *failures: Failure) -> None:
    with RunFolder(data_dir).begin() as record:
        if failures:
            record.add_failures(failures)
        report = RunReport(
            RunEnd.PROMOTED,
            RECEIPT,
            version=7,
            rows=3,
            built_on="gpu",
            failures=failures[:1],
            failures_file=record.failures_path,
        )
        record.close(report)


def test_a_report_is_kept_as_json(tmp_path: Path) -> None:
    kept(tmp_path)
    assert names(tmp_path) == ["run-000001.json"]
    assert json.loads((tmp_path / "receipts/run-000001.json").read_text()) == {
        "run": 1,
        "end": "promoted",
        "version": 7,
        **RECEIPT.model_dump(),
        "rows": 3,
        "built_on": "gpu",
        "why": "",
        "failures": [],
        "failures_file": None,
    }


@pytest.mark.parametrize("count", [1, 999, 1000, 2500])
def test_every_failure_is_kept_as_parquet(tmp_path: Path, count: int) -> None:
    failures = [Failure(f"p{i}", "embedded bytes", "corrupt_image", "broken") for i in range(count)]
    with RunFolder(tmp_path).begin() as record:
        for i in range(0, count, 300):
            record.add_failures(failures[i : i + 300])
        path = record.failures_path
        record.close(RunReport(RunEnd.REFUSED, RECEIPT, failures_file=path))
    assert path == str(tmp_path / "receipts/run-000001-failures.parquet")
    assert pq.read_schema(path).names == ["product_id", "image", "code", "reason"]
    assert [Failure(**row) for row in pq.read_table(path).to_pylist()] == failures
    report = json.loads((tmp_path / "receipts/run-000001.json").read_text())
    assert report["failures_file"] == path


def test_without_a_failure_there_is_no_such_file(tmp_path: Path) -> None:
    with RunFolder(tmp_path).begin() as record:
        assert record.failures_path is None
        record.close(RunReport(RunEnd.UNCHANGED, RECEIPT))
    assert names(tmp_path) == ["run-000001.json"]


def test_a_run_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def run() -> None:
        with RunFolder(tmp_path).begin() as record:
            record.add_failures([FAILURE] * 1500)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert names(tmp_path) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    folder.mkdir()
    (folder / ".run-000004-failures.parquet").write_bytes(b"PAR1")
    kept(tmp_path, FAILURE)
    assert names(tmp_path) == ["run-000001-failures.parquet", "run-000001.json"]


def test_the_last_runs_are_kept_and_their_numbers_go_on(tmp_path: Path) -> None:
    for _ in range(KEPT + 3):
        kept(tmp_path, FAILURE)
    reports = [name for name in names(tmp_path) if name.endswith(".json")]
    assert reports == [f"run-{number:06d}.json" for number in range(4, KEPT + 4)]
    assert len(names(tmp_path)) == 2 * KEPT


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "receipts").write_text("in the way")
    with pytest.raises(StoreError, match="receipts cannot be written"):
        kept(tmp_path)


def test_a_dry_run_keeps_nothing(tmp_path: Path) -> None:
    with NoRecords().begin() as record:
        record.add_failures([FAILURE])
        assert record.failures_path is None
        record.close(RunReport(RunEnd.DRY, RECEIPT))
    assert list(tmp_path.iterdir()) == []
