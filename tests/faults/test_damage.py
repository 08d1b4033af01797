"""A byte flipped in a file of a snapshot, and a disk that is full: the old version serves on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.adapters.snapshot_files import FILES
from service.demo.catalog import write_catalog
from support.live_server import Shop, eventually, serving, vitrine
from support.products_api import address, found, picture, problem, put, shoes


@pytest.fixture(scope="module")
def two_versions(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that serves its second version; copy it before you change it."""
    data_dir = tmp_path_factory.mktemp("two") / "data"
    shutil.copytree(shop.data_dir, data_dir)
    more = data_dir.parent / "more.parquet"
    write_catalog(more, 62, views=1, size=96)
    done = vitrine("reindex", more, "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    return data_dir


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_flipped_byte_is_refused_and_the_version_before_serves(
    two_versions: Path, tmp_path: Path, name: str
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(two_versions, data_dir)
    path = data_dir / "snapshots/v000002" / name
    bytes_ = bytearray(path.read_bytes())
    bytes_[len(bytes_) // 2] ^= 0xFF
    path.write_bytes(bytes_)
    with serving(data_dir, tmp_path) as server, server.client() as client:
        told = client.get("/v1/index").json()
        assert told["version"] == 1
        assert "vitrine reindex" in told["problem"]
        assert client.get("/readyz").status_code == 200
    verified = vitrine("index", "verify", "--data-dir", data_dir)
    assert verified.returncode == 2
    assert name in verified.stderr
    assert "vitrine reindex" in verified.stderr
    assert len(verified.stderr.strip().splitlines()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_a_reindex_in_one_line_and_the_old_version_serves(
    shop: Shop, small_disk: Path, tmp_path: Path
) -> None:
    data_dir = small_disk / "data"
    shutil.copytree(shop.data_dir, data_dir)
    many = tmp_path / "many.parquet"
    write_catalog(many, 150, views=2, seed=5, size=96)
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(b"\0" * (free - 400_000))
    with serving(data_dir, tmp_path) as server, server.client() as client:
        done = vitrine("reindex", many, "--data-dir", data_dir)
        assert done.returncode == 2
        (line,) = [part for part in done.stderr.splitlines() if part.startswith("vitrine: ")]
        assert "full" in line or "No space" in line
        assert "Traceback" not in done.stderr
        answer = client.post("/v1/search", files={"file": ("q.jpg", shop.picture(3))})
        assert answer.status_code == 200
        assert answer.json()["index"]["version"] == 1
        ballast.unlink()
        done = vitrine("reindex", many, "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr
        eventually(lambda: client.get("/v1/index").json()["version"] > 1)


def test_a_full_disk_refuses_writes_and_keeps_those_it_took(
    shop: Shop, small_disk: Path, tmp_path: Path
) -> None:
    data_dir, ballast = small_disk / "data", small_disk / "ballast"
    shutil.copytree(shop.data_dir, data_dir)
    with serving(data_dir, tmp_path) as server, server.client() as client:
        fill_up(ballast)
        answers = [
            put(client, f"late/{n}", {"title": "Late " * 200, "price": n}) for n in range(200)
        ]
        statuses = [answer.status_code for answer in answers]
        assert 503 in statuses
        assert set(statuses) <= {201, 503}
        refused = answers[statuses.index(503)]
        assert problem(refused) == (503, "store_failed")
        assert str(small_disk) not in refused.text
        assert client.get("/readyz").status_code == 200
        ballast.unlink()
        assert put(client, "room again", shoes(901)).status_code == 201
    with serving(data_dir, tmp_path) as server, server.client() as client:
        for number, status in enumerate(statuses):
            shown = client.get(address(f"late/{number}")).status_code
            assert shown == (200 if status == 201 else 404), number
        assert found(client, picture(901)) == ["room again"]


def fill_up(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
