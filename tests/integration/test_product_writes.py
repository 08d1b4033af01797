"""Products written over REST to a really running server: shown at once, here and elsewhere."""

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from service.core.keys import image_digest
from support.live_server import PRODUCTS, Server, Shop, serving
from support.products_api import address, base64_of, found, picture, problem, put, shoes

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def data_dir(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(shop.data_dir, tmp_path_factory.mktemp("written") / "data"))


@pytest.fixture(scope="module")
def written(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(data_dir, tmp_path_factory.mktemp("written-log")) as running:
        yield running


@pytest.fixture
def client(written: Server) -> Iterator[httpx.Client]:
    with written.client() as client:
        yield client


def test_a_product_is_found_by_its_picture_when_the_answer_is_there(client: httpx.Client):
    answer = put(client, "new-1", shoes(501))

    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/v1/products/new-1"
    assert found(client, picture(501)) == ["new-1"]
    shown = answer.json()
    assert shown == client.get("/v1/products/new-1").json()
    assert shown["attributes"] == {"season": "summer", "sizes": [41, 42]}
    (image,) = shown["images"]
    assert image["image_id"] == image_digest(picture(501))
    assert client.get(image["url"]).content == picture(501)


def test_what_a_get_answers_may_be_sent_back(client: httpx.Client):
    put(client, "new-2", shoes(502))
    shown = client.get("/v1/products/new-2").json()

    answer = put(client, "new-2", {**shown, "price": 12.5})

    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "updated_at": ""} == {**shown, "price": 12.5, "updated_at": ""}
    assert found(client, picture(502)) == ["new-2"]


@pytest.mark.parametrize(
    "product_id", ["a/b/c", "ünïcode ключ 鍵", "?x=1#y", "a:b%2F", " ", "'\"\\"]
)
def test_any_id_works_in_an_address(client: httpx.Client, product_id: str):
    assert put(client, product_id, {"title": "x"}).status_code == 201
    assert client.get(address(product_id)).json()["id"] == product_id
    assert client.delete(address(product_id)).status_code == 204
    assert problem(client.get(address(product_id))) == (404, "product_not_found")


@pytest.mark.parametrize("product_id", ["like/similar", "like:similar", "a/similar/similar"])
def test_an_id_that_ends_as_an_address_does_is_told_from_it(client: httpx.Client, product_id: str):
    written = put(client, product_id, shoes(520))
    assert written.status_code == 201, written.text
    escaped = written.headers["location"]
    assert escaped == f"/v1/products/{quote(product_id, safe='')}"
    assert client.get(escaped).json() == written.json()
    assert client.get(escaped.replace("%2F", "%2f")).json() == written.json()
    assert client.head(escaped).status_code == client.post(escaped).status_code == 405
    alike = client.get(f"{escaped}/similar", params={"limit": 1})
    assert alike.json()["results"][0]["product_id"] != product_id
    assert client.patch(escaped, json={"price": 11}).json()["price"] == 11
    assert client.delete(escaped).status_code == 204
    assert problem(client.get(escaped)) == (404, "product_not_found")
    assert problem(client.get(f"{escaped}/similar")) == (404, "product_not_found")


def test_a_patch_changes_what_it_names_and_filters_see_it(client: httpx.Client):
    put(client, "new-3", shoes(503))
    assert found(client, picture(503), filter="brand:written price:10") != []

    answer = client.patch(
        "/v1/products/new-3",
        content=json.dumps({"price": 99, "attributes": {"season": None, "material": "felt"}}),
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["price"], shown["title"]) == (99, "New shoes 503")
    assert shown["attributes"] == {"sizes": [41, 42], "material": "felt"}
    assert len(shown["images"]) == 1
    assert found(client, picture(503), filter="id:new-3 price:99") == ["new-3"]
    assert found(client, picture(503), filter="id:new-3 price:10") == []


def test_a_patch_with_null_empties(client: httpx.Client):
    put(client, "new-4", shoes(504))

    answer = client.patch(
        "/v1/products/new-4", json={"price": None, "attributes": None, "images": None}
    )

    shown = answer.json()
    assert (shown["price"], shown["attributes"], shown["images"]) == (None, {}, [])
    assert found(client, picture(504)) != ["new-4"]


def test_a_product_of_the_snapshot_is_changed_and_deleted(client: httpx.Client, shop: Shop):
    number = 11
    id_, query = f"demo-{number:06d}", shop.picture(number)
    assert found(client, query) == [id_]

    assert client.patch(address(id_), json={"brand": "Changed"}).status_code == 200
    assert found(client, query, filter="brand:changed") == [id_]
    assert client.delete(address(id_)).status_code == 204
    assert id_ not in found(client, query, limit=PRODUCTS)
    assert id_ not in found(client, query, limit=PRODUCTS)  # its vector is cached by now
    assert problem(client.get(address(id_))) == (404, "product_not_found")
    assert problem(client.delete(address(id_))) == (404, "product_not_found")


def test_etags_guard_against_lost_updates(client: httpx.Client):
    etag = put(client, "tagged", {"title": "one"}).headers["etag"]
    assert client.get("/v1/products/tagged").headers["etag"] == etag
    assert client.get("/v1/products/tagged", headers={"If-None-Match": etag}).status_code == 304
    assert client.get("/v1/products/tagged", headers={"If-None-Match": f"W/{etag}"}).content == b""

    changed = put(client, "tagged", {"title": "two"}, **{"If-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    stale = {"If-Match": etag}
    for answer in (
        put(client, "tagged", {"title": "three"}, **stale),
        client.patch("/v1/products/tagged", json={"title": "three"}, headers=stale),
        client.delete("/v1/products/tagged", headers=stale),
        put(client, "tagged", {"title": "three"}, **{"If-None-Match": "*"}),
        put(client, "tagged", {"title": "three"}, **{"If-Match": f"W/{changed.headers['etag']}"}),
        put(client, "never there", {}, **{"If-Match": "*"}),
    ):
        assert problem(answer) == (412, "revision_conflict")
    shown = client.get("/v1/products/tagged", headers={"If-None-Match": etag})
    assert (shown.status_code, shown.json()["title"]) == (200, "two")
    assert put(client, "tagged", {"title": "four"}, **{"If-Match": "*"}).status_code == 200
    either = f'"1", {client.get("/v1/products/tagged").headers["etag"]}'
    assert client.delete("/v1/products/tagged", headers={"If-Match": either}).status_code == 204
    assert put(client, "tagged", {}, **{"If-None-Match": "*"}).status_code == 201


def test_patches_at_once_lose_nothing(client: httpx.Client):
    put(client, "busy", {"title": "x"})

    def patch(number: int) -> int:
        body = {"attributes": {f"a{number}": number}}
        return client.patch("/v1/products/busy", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(patch, range(24))) == {200}
    shown = client.get("/v1/products/busy").json()
    assert shown["attributes"] == {f"a{n}": n for n in range(24)}


@pytest.mark.parametrize(
    ("body", "status", "code", "detail"),
    [
        ({"images": [{"image_base64": "AAAA"}]}, 415, "unsupported_image", "images.0: not a JPEG"),
        (
            {
                "images": [
                    {"image_base64": base64_of(picture(1))},
                    {"image_base64": "/9j/4AAQSkZJRg"},
                ]
            },
            422,
            "invalid_query",
            "not base64",
        ),
        (
            {"images": [{"image_base64": base64_of(picture(1)[:900])}]},
            422,
            "corrupt_image",
            "images.0: damaged",
        ),
        ({"images": [{"image_url": "https://x/y.jpg"}]}, 422, "invalid_query", "fetches no URLs"),
        ({"images": [{"image_id": "0" * 64}]}, 422, "invalid_query", "images.0: no picture 0"),
        ({"images": [{}]}, 422, "invalid_query", "images.0: give one of"),
        ({"price": "12"}, 422, "invalid_query", "price: .*number"),
        ({"price": -1}, 422, "invalid_query", "price: .*greater"),
        ({"colour": "red"}, 422, "invalid_query", "colour: Extra"),
        ({"attributes": {"a": {"b": 1}}}, 422, "invalid_query", "attributes.a: a text, a number"),
        ({"attributes": {"a": [[1]]}}, 422, "invalid_query", "attributes.a: a text, a number"),
        ({"attributes": {"a": 10**400}}, 422, "invalid_query", "attributes.a: a number beyond"),
        ({"attributes": {"price": 3}}, 422, "invalid_query", "field of every product"),
        ({"attributes": {f"a{n}": 1 for n in range(201)}}, 422, "invalid_query", "200"),
        ({"title": "x" * 5001}, 422, "invalid_query", "title: .*5000"),
        ({"id": "other"}, 422, "invalid_query", "'other', the address of 'refused'"),
        ([], 422, "invalid_query", "object"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    client: httpx.Client, body: object, status: int, code: str, detail: str, method: str
):
    if method == "PATCH":
        put(client, "refused", {"title": "as it was"})
    answer = client.request(method, "/v1/products/refused", json=body)

    assert problem(answer) == (status, code), answer.text
    assert re.search(detail, answer.json()["detail"]), answer.json()["detail"]
    shown = client.get("/v1/products/refused")
    assert shown.status_code == (404 if method == "PUT" else 200)
    if method == "PATCH":
        assert shown.json()["title"] == "as it was"
        client.delete("/v1/products/refused")


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b'{"price": NaN}', "application/json", 422, "invalid_query"),
        (b'{"attributes": {"a": Infinity}}', "application/json", 422, "invalid_query"),
        (b'{"attributes": {"a": null}}', "application/json", 422, "invalid_query"),
        (b'{"title": ', "application/json", 422, "invalid_query"),
        (b'{"title": "\xff"}', "application/json", 422, "invalid_query"),
        (b"[" * 100_000, "application/json", 422, "invalid_query"),
        (b"", "application/json", 422, "invalid_query"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "application/merge-patch+json", 415, "unsupported_media_type"),
        (b" " * 26_800_000, "application/json", 413, "body_too_large"),
    ],
)
def test_bodies_that_are_no_product(
    client: httpx.Client, content: bytes, kind: str, status: int, code: str
):
    answer = client.put("/v1/products/refused", content=content, headers={"Content-Type": kind})

    assert problem(answer) == (status, code), answer.text


@pytest.mark.parametrize("header", ["42", '"1" "2"', '"1",', "'1'", "*, *"])
def test_a_condition_that_is_none(client: httpx.Client, header: str):
    answer = put(client, "refused", {}, **{"If-Match": header})

    assert problem(answer) == (422, "invalid_query")


def test_an_id_that_is_none(client: httpx.Client):
    for path in (
        "/v1/products/",
        *("/v1/products/" + bad for bad in ("a%00b", "a%0A", "a%0Ab", "x" * 513)),
    ):
        assert problem(client.put(path, json={})) == (422, "invalid_query")


def test_late_is_never_half_done_and_what_is_done_is_never_late(client: httpx.Client):
    told = {}
    for milliseconds in (1, 2, 4, 8, 16, 32, 64, 20_000):
        name, limit = f"late-{milliseconds}", {"X-Timeout-Ms": str(milliseconds)}
        answer = put(client, name, shoes(700 + milliseconds), **limit)
        there = client.get(address(name)).status_code == 200
        assert problem(answer) == (504, "deadline_exceeded") if answer.is_error else there
        assert there == answer.is_success
        told[milliseconds] = answer.status_code
    assert told[1] == 504, "no picture is embedded in a millisecond"
    assert told[20_000] == 201


def test_a_write_with_a_time_that_is_none_is_refused(client: httpx.Client):
    for call in (client.put, client.patch):
        answer = call(address("never"), json={"price": 1}, headers={"X-Timeout-Ms": "soon"})
        assert problem(answer) == (422, "invalid_query")
        assert "X-Timeout-Ms" in answer.json()["detail"]
    assert client.get(address("never")).status_code == 404
