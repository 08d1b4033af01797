"""`vitrine reindex` killed with SIGKILL: nothing committed is lost, nothing half-built serves."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from service.core.errors import IndexUnavailableError
from service.core.keys import image_digest
from service.demo.catalog import write_catalog
from service.settings import Settings
from service.wiring import serving

PATIENCE_SECONDS = 120


def draw(path: Path, products: int) -> Path:
    """A catalogue of one picture a product, all of them different."""
    write_catalog(path, products, views=1, size=96)
    assert len({image_digest(data) for data in pictures(path)}) == products
    return path


def pictures(catalog: Path) -> list[bytes]:
    return [image["bytes"] for image in pq.read_table(catalog, columns=["image"])[0].to_pylist()]


def command(catalog: Path, data_dir: Path, *options: str) -> list[str]:
    vitrine = [sys.executable, "-W", "error", "-m", "service"]
    return [
        *vitrine,
        "reindex",
        str(catalog),
        "--data-dir",
        str(data_dir),
        "--json",
        "--no-yield",
        *options,
    ]


@contextmanager
def reindex(catalog: Path, data_dir: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        command(catalog, data_dir, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def killed_when(
    catalog: Path, data_dir: Path, condition: Callable[[], bool], *options: str
) -> bool:
    """Start a run and kill it once the condition holds; False where it ended before."""
    end = time.monotonic() + PATIENCE_SECONDS
    with reindex(catalog, data_dir, *options) as process:
        while not condition():
            if process.poll() is not None:
                assert process.returncode == 0
                return False
            assert time.monotonic() < end
            time.sleep(0.0005)  # leaves the processor to the run; a build takes longer than this
        process.kill()
        return process.wait() != 0


def finished(catalog: Path, data_dir: Path, *options: str) -> dict[str, int]:
    """Run to the end and return the receipt."""
    with reindex(catalog, data_dir, *options) as process:
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0
        receipt: dict[str, int] = json.loads(out)
        return receipt


def count(path: Path, table: str) -> int:
    """Rows that are committed; none where the table is not there yet."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        try:
            rows: int = db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
        return rows


def embedded(data_dir: Path) -> int:
    return count(data_dir / "catalog.db", "embeddings")


def assert_databases_are_sound(data_dir: Path) -> None:
    for name in ("catalog.db", "thumbnails.db"):
        with closing(sqlite3.connect(data_dir / name)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_serves(data_dir: Path, catalog: Path, version: int) -> None:
    """The version is current, whole, and finds pictures of the catalogue by themselves."""
    known = pictures(catalog)
    with serving(Settings(data_dir=data_dir, threads=1)) as parts:
        assert parts.live.problem is None
        assert parts.live.snapshot().manifest.version == version
        assert len(parts.live.snapshot().index) == len(known)
        for data in random.Random(version).sample(known, 5):
            answer = parts.search.by_picture(data, 5)
            assert answer.results[0].hit.image_id == image_digest(data)
            assert answer.results[0].hit.similarity == pytest.approx(1, abs=1e-4)
            assert parts.thumbnails.get(image_digest(data)) is not None


def assert_serves_nothing(data_dir: Path) -> None:
    assert not (data_dir / "CURRENT").exists()
    with (
        serving(Settings(data_dir=data_dir, threads=1)) as parts,
        pytest.raises(IndexUnavailableError),
    ):
        parts.live.snapshot()


def building(data_dir: Path) -> list[Path]:
    return list((data_dir / "snapshots").glob(".*"))


def test_a_first_run_killed_again_and_again_is_finished_by_the_next(tmp_path: Path) -> None:
    products, data_dir = 150, tmp_path / "data"
    catalog = draw(tmp_path / "catalog.parquet", products)
    kept = 0
    for moment in sorted(random.Random(7).sample(range(1, products - 60), 3)):
        assert killed_when(catalog, data_dir, lambda moment=moment: embedded(data_dir) >= moment)
        before, kept = kept, embedded(data_dir)
        assert max(before, moment) <= kept < products
        assert_databases_are_sound(data_dir)
        assert_serves_nothing(data_dir)
    receipt = finished(catalog, data_dir)
    assert (receipt["products"], receipt["seen"], receipt["failed"]) == (products, products, 0)
    assert (receipt["reused"], receipt["embedded"]) == (kept, products - kept)
    assert count(data_dir / "thumbnails.db", "thumbnails") == products
    assert_serves(data_dir, catalog, receipt["version"])


def test_a_run_killed_while_it_builds_leaves_the_old_version_serving(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    catalog = draw(tmp_path / "catalog.parquet", 40)
    served = finished(catalog, data_dir)["version"]
    for attempt in range(20):
        # Another target each time: what has not changed is not built again.
        options = ("--target-recall", f"0.9{attempt:02}")
        if killed_when(catalog, data_dir, lambda: bool(building(data_dir)), *options):
            break
        served += 1  # it was over before it was seen
    else:
        pytest.fail("twenty builds went by unseen")
    assert_databases_are_sound(data_dir)
    assert_serves(data_dir, catalog, served)
    last = finished(catalog, data_dir, *options)
    assert (last["reused"], last["embedded"]) == (40, 0)
    assert last["version"] > served
    assert building(data_dir) == []
    assert not (data_dir / "CURRENT.tmp").exists()
    assert_serves(data_dir, catalog, last["version"])
