"""The versions of the index over REST: listed, promoted and rolled back on a running server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.adapters.data_lock import writing_to
from service.client import Vitrine, VitrineApiError
from support.live_server import PRODUCTS, VIEWS, Server, Shop, serving, vitrine_here

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def data_dir(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's, with a second version that is current, and a third that was never promoted."""
    made = Path(shutil.copytree(shop.data_dir, tmp_path_factory.mktemp("versions") / "data"))
    for kind in ("hnsw", "ivf"):
        done = vitrine_here("reindex", shop.catalog, "--data-dir", made, "--index", kind)
        assert done.returncode == 0, done.stderr
    assert vitrine_here("index", "rollback", "--data-dir", made).returncode == 0
    return made


@pytest.fixture(scope="module")
def running(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that by itself looks for another version once an hour."""
    folder = tmp_path_factory.mktemp("server")
    with serving(data_dir, folder, VITRINE_INDEX_POLL_SECONDS="3600") as server:
        yield server


@pytest.fixture
def http(running: Server) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _second_serves(running: Server) -> None:
    """Whatever a test did before, the second version serves, and the first did before it."""
    with Vitrine(running.url) as shop:
        shop.promote_index(1)
        shop.promote_index(2)


def served(http: httpx.Client) -> int:
    return int(http.get("/v1/index").json()["version"])


def promote(http: httpx.Client, version: object) -> httpx.Response:
    return http.post("/v1/index:promote", json={"version": version})


def test_the_versions_are_those_that_the_command_lists(http: httpx.Client, data_dir: Path) -> None:
    listed = http.get("/v1/index/versions").json()["versions"]
    said = json.loads(vitrine_here("index", "list", "--data-dir", data_dir, "--json").stdout)
    same = ("version", "state", "sound", "bytes", "built_at", "rows", "products", "index_factory")
    assert [{name: each[name] for name in same} for each in listed] == [
        {name: each[name] for name in same} for each in said
    ]
    assert [each["recall"] for each in listed] == [each["chosen"]["recall"] for each in said]
    assert [each["state"] for each in listed] == ["served", "serves", "not promoted"]
    for each in listed:
        folder = data_dir / f"snapshots/v{each['version']:06d}"
        assert each["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
        assert (each["rows"], each["sound"]) == (PRODUCTS * VIEWS, True)
    assert len({each["bundle"] for each in listed}) == 1


def test_the_process_serves_what_was_promoted_when_it_answers(http: httpx.Client) -> None:
    answer = promote(http, 3)
    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["problem"]) == (3, None)
    assert answer.json() == http.get("/v1/index").json()
    found = http.post("/v1/search", json={"product_id": "demo-000003", "limit": 1}).json()
    assert found["index"]["version"] == 3

    back = http.post("/v1/index:rollback")
    assert (back.status_code, back.json()["version"]) == (200, 2)
    assert http.post("/v1/index:rollback").json()["version"] == 1
    assert served(http) == 1


def test_the_log_says_what_was_moved(http: httpx.Client, running: Server) -> None:
    request_id = promote(http, 3).headers["X-Request-ID"]
    lines = [json.loads(line) for line in running.log.read_text().splitlines() if line[:1] == "{"]
    (said,) = (line for line in lines if line.get("request_id") == request_id)
    assert (said["event"], said["version"], said["key"]) == ("index_promoted", 3, None)


def test_the_lock_of_the_command_is_kept_to(
    http: httpx.Client, data_dir: Path, running: Server
) -> None:
    with writing_to(data_dir):
        refused = [promote(http, 3), http.post("/v1/index:rollback")]
    for answer in refused:
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "catalog_busy")
        assert answer.headers["content-type"] == "application/problem+json"
        assert str(data_dir) not in answer.text
    assert served(http) == 2
    with Vitrine(running.url) as shop:
        assert shop.promote_index(3).version == 3


def test_a_damaged_version_stays_out_and_says_so(http: httpx.Client, data_dir: Path) -> None:
    path = data_dir / "snapshots/v000003/vectors.f16.npy"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    try:
        answer = promote(http, 3)
        path.unlink()
        listed = http.get("/v1/index/versions").json()["versions"]
    finally:
        path.write_bytes(sound)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "index_refused")
    assert "v000003 is damaged" in problem["detail"]
    assert str(data_dir) not in answer.text
    assert served(http) == 2
    assert [each["sound"] for each in listed] == [True, True, False]


def test_a_version_whose_manifest_cannot_be_read_is_listed_without_what_it_says(
    http: httpx.Client, data_dir: Path
) -> None:
    path = data_dir / "snapshots/v000003/manifest.json"
    sound = path.read_bytes()
    path.write_bytes(sound[: len(sound) // 2])
    try:
        third = http.get("/v1/index/versions").json()["versions"][-1]
        table = vitrine_here("index", "list", "--data-dir", data_dir)
    finally:
        path.write_bytes(sound)
    assert (third["version"], third["sound"], third["rows"], third["built_at"]) == (
        3, False, None, None,
    )  # fmt: skip
    assert "damaged" in table.stdout


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"version": 7}, 404, "version_not_found"),
        ({"version": 0}, 422, "invalid_query"),
        ({"version": "1"}, 422, "invalid_query"),
        ({"version": 10**30}, 422, "invalid_query"),
        ({"version": 1, "force": True}, 422, "invalid_query"),
        ({}, 422, "invalid_query"),
    ],
)
def test_what_cannot_be_promoted_is_refused(
    http: httpx.Client, body: dict[str, object], status: int, code: str
) -> None:
    answer = http.post("/v1/index:promote", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert served(http) == 2


def test_a_body_of_another_kind_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/index:promote", data={"version": "1"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_before_anything_is_indexed_there_are_none(empty_server: Server) -> None:
    with Vitrine(empty_server.url) as shop:
        assert shop.index_versions() == ()
        for move in (shop.roll_back_index, lambda: shop.promote_index(1)):
            with pytest.raises(VitrineApiError) as refusal:
                move()
            assert (refusal.value.status, refusal.value.code) == (404, "version_not_found")
