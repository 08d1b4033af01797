"""Reports of the last reindexes, and every picture that failed in one.

    DATA/receipts/run-000012.json               what the run did, and how it ended
    DATA/receipts/run-000012-failures.parquet   product_id, image, code, reason; if any failed

A run that is interrupted leaves a hidden file, which the next one removes: there is one at a time.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from service.core.errors import StoreError
from service.core.receipts import RunReport
from service.core.types import Failure

KEPT = 20
"""Runs; the records of earlier ones are removed."""
_GROUP_ROWS = 1000
_NAME = re.compile(r"run-(\d{6,})(-failures)?\.(json|parquet)")
_COLUMNS = ("product_id", "image", "code", "reason")
_SCHEMA = pa.schema([(name, pa.string()) for name in _COLUMNS])


class RunFolder:
    """Satisfies `RunRecords` over a data directory that nobody else reindexes."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "receipts"

    @contextmanager
    def begin(self) -> Iterator["FolderRecord"]:
        """Open the record of the next run; raises StoreError where it cannot be written."""
        with _translated(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob(".run-*"):
                left.unlink()
            number = max(self._numbers(), default=0) + 1
        record = FolderRecord(self._folder, number)
        try:
            yield record
        finally:
            record.discard()
            self._remove_older(number - KEPT)

    def _numbers(self) -> Iterator[int]:
        for path in self._folder.iterdir():
            if found := _NAME.fullmatch(path.name):
                yield int(found[1])

    def _remove_older(self, last: int) -> None:
        with suppress(OSError):  # they are in nobody's way
            for path in self._folder.iterdir():
                if (found := _NAME.fullmatch(path.name)) and int(found[1]) <= last:
                    path.unlink()


class FolderRecord:
    """Satisfies `RunRecord`."""

    def __init__(self, folder: Path, number: int) -> None:
        self._number = number
        self._report = folder / f"run-{number:06d}.json"
        self._failures = folder / f"run-{number:06d}-failures.parquet"
        self._waiting: list[Failure] = []
        self._writer: pq.ParquetWriter | None = None

    @property
    def failures_path(self) -> str | None:
        """Where failures are kept, if there is any so far."""
        return str(self._failures) if self._waiting or self._writer else None

    def add_failures(self, failures: Sequence[Failure]) -> None:
        """Keep some more failures, on disk."""
        self._waiting += failures
        if len(self._waiting) >= _GROUP_ROWS:
            self._write()

    def close(self, report: RunReport) -> None:
        """Keep the report, and with it the failures."""
        if self._waiting:
            self._write()
        with _translated(self._report):
            if self._writer is not None:
                self._writer.close()
                _partial(self._failures).replace(self._failures)
            text = json.dumps({"run": self._number, **as_json(report)}, indent=2)
            _partial(self._report).write_text(text + "\n")
            _partial(self._report).replace(self._report)

    def discard(self) -> None:
        """Remove what was not kept."""
        with suppress(OSError):
            if self._writer is not None:
                self._writer.close()
            _partial(self._failures).unlink(missing_ok=True)

    def _write(self) -> None:
        with _translated(self._failures):
            if self._writer is None:
                self._writer = pq.ParquetWriter(_partial(self._failures), _SCHEMA)
            rows = [asdict(failure) for failure in self._waiting]
            self._writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
        self._waiting.clear()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}")


def as_json(report: RunReport) -> dict[str, object]:
    """Return a report as JSON has it, with the counts of the receipt beside the rest."""
    return {
        "end": str(report.end),
        "version": report.version,
        **report.receipt.model_dump(),
        "rows": report.rows,
        "built_on": report.built_on,
        "why": report.why,
        "failures": [asdict(failure) for failure in report.failures],
        "failures_file": report.failures_file,
    }


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        where = exc.filename or folder
        raise StoreError(f"{where} cannot be written: {exc.strerror or exc}") from exc
