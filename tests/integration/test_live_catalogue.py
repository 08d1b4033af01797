"""What is written live outlives its process, reaches others, and is folded without a pause."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.adapters.data_lock import writing_to
from support.live_server import (
    PRODUCTS,
    VIEWS,
    Server,
    Shop,
    eventually,
    kept_up,
    serving,
    vitrine,
    vitrine_here,
)
from support.products_api import address, found, picture, problem, put, shoes

pytestmark = pytest.mark.integration

WRITTEN = 12


@pytest.fixture
def data_dir(shop: Shop, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop.data_dir, tmp_path / "data"))


def served(client: httpx.Client) -> int:
    version: int = client.get("/v1/index").json()["version"]
    return version


def compact(data_dir: Path) -> str:
    done = vitrine("index", "compact", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def compactions(server: Server) -> list[dict[str, Any]]:
    """What the server logged of the commands that it started and that have ended."""
    logged = [json.loads(line) for line in server.log.read_text().splitlines() if "{" in line]
    return [entry for entry in logged if entry["event"] == "compaction"]


@contextmanager
def searching(client: httpx.Client, query: bytes, expected: str) -> Iterator[None]:
    """Search all the while; fail where an answer is an error, or is not the expected product."""

    def search() -> None:
        assert found(client, query) == [expected]

    with kept_up(search):
        yield


def test_another_process_shows_it_within_a_second(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with (
        serving(data_dir, tmp_path / "one") as one,
        serving(data_dir, tmp_path / "other") as other,
        one.client() as here,
        other.client() as there,
    ):
        query = picture(700)
        assert found(there, query) != ["new"]  # and its vector is cached by now
        assert put(here, "new", shoes(700)).status_code == 201
        eventually(lambda: found(there, query) == ["new"], seconds=1)
        assert here.patch(address("new"), json={"price": 77}).status_code == 200
        eventually(lambda: found(there, query, filter="price:77") == ["new"], seconds=1)
        assert there.delete(address("new")).status_code == 204
        assert found(there, query) != ["new"]
        assert problem(here.get(address("new"))) == (404, "product_not_found")
        eventually(lambda: found(here, query) != ["new"], seconds=1)


def test_a_restart_and_a_compaction_lose_nothing(data_dir: Path, tmp_path: Path) -> None:
    gone = "demo-000005"
    with serving(data_dir, tmp_path) as server, server.client() as client:
        for n in range(WRITTEN):
            assert put(client, f"new/{n}", shoes(710 + n)).status_code == 201
        assert client.patch(address("new/3"), json={"brand": "Patched"}).status_code == 200
        assert client.delete(address("new/4")).status_code == 204
        assert client.delete(address(gone)).status_code == 204
    with serving(data_dir, tmp_path) as server, server.client() as client:

        def check(delta_rows: int) -> None:
            for n in set(range(WRITTEN)) - {4}:
                assert found(client, picture(710 + n)) == [f"new/{n}"]
            assert "new/4" not in found(client, picture(714), limit=100)
            assert found(client, picture(713), filter="brand:patched") == ["new/3"]
            assert gone not in found(client, picture(5), limit=100)
            assert client.get("/v1/index").json()["delta_rows"] == delta_rows

        check(WRITTEN - 1)
        products, rows = PRODUCTS + WRITTEN - 2, (PRODUCTS - 1) * VIEWS + WRITTEN - 1
        assert compact(data_dir) == f"v000002 serves: {rows} pictures of {products} products"
        eventually(lambda: served(client) == 2)
        check(0)
        assert compact(data_dir) == "nothing to fold"
        assert put(client, "new/4", shoes(714)).status_code == 201
        assert found(client, picture(714)) == ["new/4"]


def test_a_server_compacts_by_itself_and_no_request_fails(data_dir: Path, tmp_path: Path) -> None:
    settings = {"VITRINE_COMPACT_ROWS": "8", "VITRINE_INDEX_POLL_SECONDS": "0.05"}
    with serving(data_dir, tmp_path, **settings) as server, server.client() as client:
        assert put(client, "first", shoes(730)).status_code == 201
        with searching(client, picture(730), "first"):
            for n in range(8):
                assert put(client, f"new-{n}", shoes(731 + n)).status_code == 201
            eventually(lambda: served(client) == 2, server.log.read_text)
            assert put(client, "after", shoes(740)).status_code == 201
        assert found(client, picture(738)) == ["new-7"]
        assert found(client, picture(740)) == ["after"]
        (compaction,) = eventually(lambda: compactions(server), server.log.read_text)
        assert compaction["status"] == 0
        assert "v000002 serves" in compaction["output"]


def test_a_compaction_ends_with_its_server(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir, tmp_path, VITRINE_COMPACT_ROWS="1") as server, server.client() as client:
        children = Path(f"/proc/{server.pid}/task")
        assert put(client, "new", shoes(760)).status_code == 201

        def started() -> list[str]:
            return " ".join(path.read_text() for path in children.glob("*/children")).split()

        (child,) = eventually(started)
    assert not Path(f"/proc/{child}").exists()
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("command", [["compact"], ["promote", "1"], ["rollback"]])
def test_two_never_build_or_promote_at_once(data_dir: Path, command: list[str]) -> None:
    with writing_to(data_dir):
        done = vitrine_here("index", *command, "--data-dir", data_dir)
    assert done.returncode == 2
    assert "is being reindexed or compacted by process" in done.stderr


def test_compaction_of_an_empty_folder_has_nothing_to_fold(tmp_path: Path) -> None:
    done = vitrine_here("index", "compact", "--data-dir", tmp_path / "none", "--json")

    assert (done.returncode, json.loads(done.stdout)) == (0, {"version": None})


def test_a_catalogue_may_begin_with_live_writes(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, tmp_path) as server, server.client() as client:
        assert put(client, "only", shoes(750)).status_code == 201
        assert found(client, picture(750)) == ["only"]
        assert found(client, picture(750), filter="season:summer sizes:41..50") == ["only"]
        assert compact(data_dir) == "v000001 serves: 1 pictures of 1 products"
        eventually(lambda: served(client) == 1)
        assert found(client, picture(750), filter="season:summer sizes:41..50") == ["only"]
