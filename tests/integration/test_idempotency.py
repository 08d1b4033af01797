"""`Idempotency-Key` over REST: sent again, at once, to another process, after a kill."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.core.access import Scope, new_key
from support.live_server import Shop, serving
from support.products_api import problem, put, shoes

pytestmark = pytest.mark.integration

US, OUR_KEY = new_key("us", [Scope.WRITE, Scope.SEARCH])
THEM, THEIR_KEY = new_key("them", [Scope.WRITE])
SETTINGS = {"VITRINE_API_KEYS": f"{OUR_KEY} {THEIR_KEY}"}
KEYED: dict[str, Any] = {"Idempotency-Key": "w-1", "If-None-Match": "*"}


def same(answer: httpx.Response, other: httpx.Response) -> bool:
    def told(each: httpx.Response) -> tuple[int, str | None, bytes]:
        return each.status_code, each.headers.get("etag"), each.content

    return told(answer) == told(other)


def test_a_write_that_comes_again_is_done_once(shop: Shop, tmp_path: Path) -> None:
    data_dir = Path(shutil.copytree(shop.data_dir, tmp_path / "data"))
    log = tmp_path / "beside"
    log.mkdir()
    with serving(data_dir, tmp_path, **SETTINGS) as server, server.client() as client:
        client.headers["Authorization"] = f"Bearer {US}"
        body = shoes(601)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: put(client, "new-1", body, **KEYED), range(6)))
        first = answers[0]
        assert first.status_code == 201, first.text
        assert all(same(answer, first) for answer in answers)

        etag = put(client, "new-1", {"price": 1}).headers["etag"]
        assert same(put(client, "new-1", body, **KEYED), first)
        assert client.get("/v1/products/new-1").headers["etag"] == etag

        for other in (
            put(client, "new-1", {"price": 2}, **KEYED),
            put(client, "new-2", body, **KEYED),
            put(client, "new-1", body, **{"Idempotency-Key": "w-1"}),
            client.delete("/v1/products/new-1", headers={"Idempotency-Key": "w-1"}),
        ):
            assert problem(other) == (422, "idempotency_conflict")
        theirs = put(client, "new-1", body, **KEYED, Authorization=f"Bearer {THEM}")
        assert problem(theirs) == (412, "revision_conflict")
        wrong = put(client, "new-1", body, **{"Idempotency-Key": "a b"})
        assert problem(wrong) == (422, "invalid_query")

        with serving(data_dir, log, **SETTINGS) as beside, beside.client() as another:
            another.headers["Authorization"] = f"Bearer {US}"
            assert same(put(another, "new-1", body, **KEYED), first)

        server.process.kill()
        server.process.wait()
    with serving(data_dir, tmp_path, **SETTINGS) as server, server.client() as client:
        client.headers["Authorization"] = f"Bearer {US}"
        assert same(put(client, "new-1", body, **KEYED), first)
        deleting = {"Idempotency-Key": "w-2"}
        for _ in range(2):
            gone = client.delete("/v1/products/new-1", headers=deleting)
            assert (gone.status_code, gone.content) == (204, b"")
        patching = {"Idempotency-Key": "w-3"}
        missing = client.patch("/v1/products/new-1", json={"price": 3}, headers=patching)
        assert problem(missing) == (404, "product_not_found")
        put(client, "new-1", {"price": 1})
        patched = client.patch("/v1/products/new-1", json={"price": 3}, headers=patching)
        assert patched.json()["price"] == 3
        client.delete("/v1/products/new-1")
        again = client.patch("/v1/products/new-1", json={"price": 3}, headers=patching)
        assert same(again, patched)
