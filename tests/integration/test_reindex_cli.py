"""`vitrine reindex` of what was indexed before, with real files and a real server of pictures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from service.adapters.data_lock import writing_to
from support.live_server import vitrine_here
from support.picture_server import Pictures, serving_pictures
from support.pictures import encoded, photo

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain_terminal")]


@pytest.fixture
def server() -> Iterator[Pictures]:
    with serving_pictures(6) as server:
        yield server


def write(path: Path, server: Pictures, day: str = "2024-05-06", price: int = 1) -> Path:
    lines = [f"p{n},{price},{server.url(f'{n}.jpg')},{day}" for n in range(6)]
    path.write_text("id,price,image,updated_at\n" + "\n".join(lines) + "\n")
    return path


def reindexed(source: Path, data_dir: Path, *options: str) -> dict[str, object]:
    done = vitrine_here("reindex", source, "--data-dir", data_dir, "--json", *options)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_did_not_change_is_not_downloaded_embedded_or_built(
    server: Pictures, tmp_path: Path
) -> None:
    source, data_dir = write(tmp_path / "shop.csv", server), tmp_path / "data"
    first = reindexed(source, data_dir)
    assert (first["end"], first["new"], first["embedded"]) == ("promoted", 6, 6)
    again = reindexed(source, data_dir)
    assert (again["end"], again["version"], again["reused"]) == ("unchanged", first["version"], 6)
    assert server.answers == {200: 6, 304: 6}
    server.pictures["3.jpg"] = encoded(photo(80, 60, seed=33), "JPEG")
    third = reindexed(source, data_dir)
    assert (third["end"], third["changed"], third["embedded"]) == ("promoted", 1, 1)
    assert server.answers == {200: 7, 304: 11}
    shown = vitrine_here("reindex", source, "--data-dir", data_dir)
    assert f"nothing changed: index v{third['version']:06d}" in shown.stdout


def test_rows_that_are_older_are_not_even_asked_for(server: Pictures, tmp_path: Path) -> None:
    source, data_dir = write(tmp_path / "shop.csv", server), tmp_path / "data"
    reindexed(source, data_dir)
    server.answers.clear()
    write(source, server, day="2024-05-08", price=2)
    lines = source.read_text().splitlines()
    lines[1] = lines[1].replace("2024-05-08", "2024-05-01")
    source.write_text("\n".join(lines[:-1]) + "\n")
    report = reindexed(source, data_dir, "--since", "2024-05-07", "--delete-missing")
    assert {name: report[name] for name in ("products", "changed", "removed", "seen")} == {
        "products": 5,
        "changed": 4,
        "removed": 1,
        "seen": 5,
    }
    assert server.answers == {304: 4}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--since", "yesterday"), "--since takes a date or a time"),
        (("--since", "2024-05-07"), "--map updated_at=COLUMN"),
    ],
)
def test_since_that_cannot_be_answered_is_one_line(
    tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "shop.csv").write_text("id,image\na,a.jpg\n")
    done = vitrine_here("reindex", tmp_path / "shop.csv", "--data-dir", tmp_path / "data", *options)
    assert done.returncode == 2
    assert complaint in re.sub(r"[\s│]+", " ", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_dry_run_writes_nothing_and_waits_for_no_reindex(
    server: Pictures, tmp_path: Path
) -> None:
    source, data_dir = write(tmp_path / "shop.csv", server), tmp_path / "data"
    told = reindexed(source, data_dir, "--dry-run")
    assert not data_dir.exists()
    assert (told["end"], told["new"], told["embedded"], told["version"]) == ("dry run", 6, 6, None)
    reindexed(source, data_dir)
    write(source, server, price=2)
    before = files(data_dir)
    with writing_to(tmp_path / "data"):
        lock = data_dir / "reindex.lock"
        told = reindexed(source, data_dir, "--dry-run")
        shown = vitrine_here("reindex", source, "--data-dir", data_dir, "--dry-run")
        refused = vitrine_here("reindex", source, "--data-dir", data_dir)
    assert (told["changed"], told["embedded"], told["reused"]) == (6, 0, 6)
    assert "nothing was written" in shown.stdout
    assert refused.returncode == 2
    assert "is being reindexed or compacted by process" in refused.stderr
    after = files(data_dir)
    own = {path for path in after if path == lock or path.name.endswith(("-wal", "-shm"))}
    assert {p: d for p, d in after.items() if p not in own} == {
        p: d for p, d in before.items() if p not in own
    }


@pytest.mark.parametrize(("allowed", "status"), [("50%", 0), ("1%", 1)])
def test_every_failure_is_kept_with_its_reason(
    server: Pictures, tmp_path: Path, allowed: str, status: int
) -> None:
    source, data_dir = write(tmp_path / "shop.csv", server), tmp_path / "data"
    del server.pictures["2.jpg"]
    server.pictures["4.jpg"] = b"no picture"
    done = vitrine_here("reindex", source, "--data-dir", data_dir, "--max-failed", allowed)
    assert done.returncode == status
    path = data_dir / "receipts" / "run-000001-failures.parquet"
    assert str(path) in done.stderr
    assert pq.read_table(path).to_pylist() == [
        {
            "product_id": "p2",
            "image": server.url("2.jpg"),
            "code": "fetch_failed",
            "reason": "HTTP 404",
        },
        {
            "product_id": "p4",
            "image": server.url("4.jpg"),
            "code": "unsupported_image",
            "reason": pq.read_table(path)["reason"][1].as_py(),
        },
    ]
    report = json.loads((data_dir / "receipts" / "run-000001.json").read_text())
    assert (report["end"], report["failed"], report["failures_file"]) == (
        "refused" if status else "promoted",
        2,
        str(path),
    )


def test_a_dry_run_that_would_be_refused_tells_both(server: Pictures, tmp_path: Path) -> None:
    source = write(tmp_path / "shop.csv", server)
    del server.pictures["2.jpg"]
    done = vitrine_here("reindex", source, "--data-dir", tmp_path / "data", "--dry-run", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["new"], report["embedded"], report["failed"]) == (6, 5, 1)
    assert [f["product_id"] for f in report["failures"]] == ["p2"]
    assert "A run would end here" in done.stderr
