"""Answers that are kept: given again at once, and never once anything of what they say has changed.

Two processes over one Redis and one catalogue. Neither looks for what the other wrote, where it
says so: what is not stale then is so by the key alone.
"""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.core.keys import image_digest
from support.live_server import Server, Shop, eventually, serving, vitrine_here
from support.products_api import address, put, shoes
from support.products_api import picture as drawn
from support.redis_server import RedisServer

pytestmark = pytest.mark.integration

NEVER = {"VITRINE_INDEX_POLL_SECONDS": "3600"}


@pytest.fixture
def data_dir(shop: Shop, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop.data_dir, tmp_path / "data"))


def answer(client: httpx.Client, data: bytes, **options: Any) -> dict[str, Any]:
    response = client.post("/v1/search", files={"file": data}, data=options)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def is_kept(body: dict[str, Any]) -> bool:
    return body["timings"].keys() == {"cached"}


def lasting(body: dict[str, Any]) -> dict[str, Any]:
    of_one = {"request_id", "took_ms", "timings"}
    return {name: value for name, value in body.items() if name not in of_one}


def products(body: dict[str, Any]) -> list[str]:
    return [result["product_id"] for result in body["results"]]


@contextmanager
def two(data_dir: Path, folder: Path, **settings: str) -> Iterator[tuple[httpx.Client, ...]]:
    """Two servers over one catalogue."""
    folders = [folder / name for name in ("one", "other")]
    for each in folders:
        each.mkdir()
    with (
        serving(data_dir, folders[0], **settings) as one,
        serving(data_dir, folders[1], **settings) as other,
        one.client() as here,
        other.client() as there,
    ):
        yield here, there


def test_an_answer_is_given_again_and_says_so(server: Server, shop: Shop) -> None:
    query = shop.picture(3, view=7)
    with server.client() as client:
        first, again = answer(client, query, limit=4), answer(client, query, limit=4)
        assert not is_kept(first)
        assert is_kept(again)
        assert lasting(again) == lasting(first)
        assert again["request_id"] != first["request_id"]
        assert again["took_ms"] >= again["timings"]["cached"]

        wanting = answer(client, query, limit=4, with_product="false")
        assert not is_kept(wanting)
        assert wanting["results"][0]["product"] is None

        named = client.post("/v1/search", json={"image_id": again["image_id"], "limit": 4}).json()
        assert lasting(named) == lasting(first)


def test_the_order_of_fields_and_the_form_of_the_request_do_not_matter(
    server: Server, shop: Shop
) -> None:
    with server.client() as client:
        first = client.post("/v1/search", json={"text": "blue shoes", "limit": 3}).json()
        again = client.post(
            "/v1/search", files={"limit": (None, "3"), "text": (None, "blue shoes")}
        )
        assert is_kept(again.json())
        assert lasting(again.json()) == lasting(first)


def test_queries_of_a_batch_and_of_similar_products_are_kept_too(
    server: Server, shop: Shop
) -> None:
    asks = [{"product_id": "demo-000009"}, {"text": "a red bag"}, {"image_id": "f" * 64}]
    with server.client() as client:
        first, again = (
            client.post("/v1/search:batch", json={"queries": asks}).json() for _ in range(2)
        )
        assert [item["answer"] is None for item in first["answers"]] == [False, False, True]
        assert again["answers"][2]["error"]["code"] == "image_not_found"
        for before, after in zip(first["answers"][:2], again["answers"][:2], strict=True):
            assert is_kept(after["answer"])
            assert lasting(after["answer"]) == lasting(before["answer"])
        similar = client.get("/v1/products/demo-000009/similar").json()
        assert is_kept(similar)
        assert products(similar) == products(first["answers"][0]["answer"])


def test_a_picture_of_a_kept_answer_can_be_named_where_it_was_never_decoded(
    data_dir: Path, tmp_path: Path, redis_server: RedisServer, shop: Shop
) -> None:
    """Though Redis, which had the answer, has not its picture."""
    query = shop.picture(5, view=8)
    with two(data_dir, tmp_path, VITRINE_REDIS_URL=redis_server.url) as (here, there):
        answer(here, query)
        with redis_server.client() as redis:
            keys = {key.decode() for key in redis.scan_iter()}
            assert {key.split(":")[1][0] for key in keys} == {"e", "p", "r"}
            redis.delete(f"vitrine:p1:{image_digest(query)}")
        kept = answer(there, query)
        assert is_kept(kept)
        named = there.post("/v1/search", json={"image_id": kept["image_id"], "box": [0, 0, 1, 0.5]})
        assert named.status_code == 200, named.text


def test_no_answer_outlives_what_it_says(
    data_dir: Path, tmp_path: Path, redis_server: RedisServer
) -> None:
    query = drawn(700)
    settings = {"VITRINE_REDIS_URL": redis_server.url} | NEVER
    with two(data_dir, tmp_path, **settings) as (here, there):

        def everywhere() -> list[dict[str, Any]]:
            """Ask both, until both give what they keep; return the first answers."""
            first = [answer(client, query, limit=50) for client in (here, there)]
            for client, before in zip((here, there), first, strict=True):
                again = answer(client, query, limit=50)
                assert is_kept(again)
                assert lasting(again) == lasting(before)
            return first

        assert all("new" not in products(body) for body in everywhere())
        assert put(here, "new", shoes(700)).status_code == 201
        assert products(everywhere()[0])[0] == "new"
        gone = products(everywhere()[1])[0]

        assert here.patch(address(gone), json={"title": "Renamed"}).status_code == 200
        for body in everywhere():
            (shown,) = (r["product"] for r in body["results"] if r["product_id"] == gone)
            assert shown["title"] == "Renamed"

        assert there.delete(address(gone)).status_code == 204
        assert all(gone not in products(body) for body in everywhere())
        assert here.delete(address("new")).status_code == 204
        assert all("new" not in products(body) for body in everywhere())


def test_a_product_is_never_shown_after_its_deletion_whoever_asks_how_often(
    data_dir: Path, tmp_path: Path, redis_server: RedisServer
) -> None:
    """Searches all the while, in both; each that begins after the deletion was acknowledged."""
    query, rounds = drawn(705), 12
    settings = {"VITRINE_REDIS_URL": redis_server.url, "VITRINE_INDEX_POLL_SECONDS": "0.05"}
    with two(data_dir, tmp_path, **settings) as clients, ThreadPoolExecutor(4) as pool:
        deleted: set[str] = set()
        kept: list[bool] = []

        def search(client: httpx.Client) -> None:
            while len(deleted) < rounds:
                before = set(deleted)
                body = answer(client, query, limit=20)
                kept.append(is_kept(body))
                assert before.isdisjoint(products(body))

        searches = [pool.submit(search, client) for client in clients * 2]
        try:
            for number in range(rounds):
                here, there = clients if number % 2 else reversed(clients)
                assert put(here, f"new-{number}", shoes(705)).status_code == 201
                assert f"new-{number}" in products(answer(here, query, limit=20))
                assert there.delete(address(f"new-{number}")).status_code == 204
                deleted.add(f"new-{number}")
        finally:
            deleted.update(map(str, range(rounds)))
        for done in searches:
            done.result()
        assert any(kept)
        assert not all(kept)


def test_a_promotion_and_a_rollback_are_answered_from_their_own_version(
    data_dir: Path, tmp_path: Path, redis_server: RedisServer, shop: Shop
) -> None:
    query = shop.picture(9)
    settings = {"VITRINE_REDIS_URL": redis_server.url, "VITRINE_INDEX_POLL_SECONDS": "0.05"}

    def index(*command: object) -> None:
        done = vitrine_here("index", *command, "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr

    with two(data_dir, tmp_path, **settings) as clients:

        def is_at(client: httpx.Client, wanted: int) -> None:
            eventually(lambda: client.get("/v1/index").json()["version"] == wanted)
            bodies = [answer(client, query) for _ in range(2)]
            assert [body["index"]["version"] for body in bodies] == [wanted] * 2
            assert is_kept(bodies[1])

        def are_at(wanted: int) -> None:
            for client in clients:
                is_at(client, wanted)

        are_at(1)
        done = vitrine_here("reindex", shop.catalog, "--data-dir", data_dir, "--index", "hnsw")
        assert done.returncode == 0, done.stderr
        are_at(2)
        index("rollback")
        are_at(1)
        index("promote", "2")
        are_at(2)


def test_two_shops_on_one_redis_know_nothing_of_each_other(
    data_dir: Path, tmp_path: Path, redis_server: RedisServer
) -> None:
    query = drawn(720)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with (
        serving(tmp_path / "a", tmp_path / "one", VITRINE_REDIS_URL=redis_server.url) as one,
        serving(tmp_path / "b", tmp_path / "other", VITRINE_REDIS_URL=redis_server.url) as other,
        one.client() as here,
        other.client() as there,
    ):
        assert put(here, "ours", shoes(720)).status_code == 201
        assert put(there, "theirs", shoes(720)).status_code == 201
        assert products(answer(here, query)) == ["ours"]
        assert products(answer(there, query)) == ["theirs"]


def test_a_herd_is_answered_by_one_search(data_dir: Path, tmp_path: Path, shop: Shop) -> None:
    query = shop.picture(11, view=9)
    with serving(data_dir, tmp_path) as server, server.client() as client:
        before = answer(client, shop.picture(12, view=9))
        with ThreadPoolExecutor(64) as pool:
            bodies = list(pool.map(lambda _: answer(client, query), range(200)))
        counted = client.get("/metrics").text
    assert {json.dumps(lasting(body)) for body in bodies} == {json.dumps(lasting(bodies[0]))}
    assert before["image_id"] != bodies[0]["image_id"]
    for stage in ("decode", "embed", "search"):
        assert f'vitrine_stage_seconds_count{{stage="{stage}"}} 2.0' in counted
    assert 'vitrine_answers_total{source="search"} 2.0' in counted


def test_what_is_no_picture_is_refused_again_without_a_look(server: Server) -> None:
    hits = 'vitrine_cache_hits_total{cache="refused",level="memory"}'
    with server.client() as client:

        def refused() -> tuple[str, str]:
            body = client.post("/v1/search", files={"file": b"\xff\xd8\xff broken"}).json()
            return body["code"], body["detail"]

        def counted() -> float:
            lines = client.get("/metrics").text.splitlines()
            return next(float(line.split()[-1]) for line in lines if line.startswith(hits))

        first, before = refused(), counted()
        assert refused() == first
        assert first[0] == "corrupt_image"
        assert counted() == before + 1
