"""`/v1/search:batch`: every query answered as alone, every bad one refused alone."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from service.wiring import serving
from support.asking import base64_of, post
from support.live_server import VIEWS, Server, Shop

pytestmark = pytest.mark.integration


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def batch(client: httpx.Client, queries: list[dict]) -> list[dict]:
    answer = client.post("/v1/search:batch", json={"queries": queries})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"request_id", "took_ms", "answers"}
    assert body["request_id"] == answer.headers["x-request-id"]
    return body["answers"]


def test_sixty_four_queries_are_answered_as_each_alone(client: httpx.Client, shop: Shop):
    pictures = [
        {"image_base64": base64_of(shop.picture(number, VIEWS + 5)), "limit": 3}
        for number in range(60)
    ]
    others = [
        {"text": "red shoes", "limit": 2},
        {"product_id": "demo-000007", "filter": "price:..60", "with_product": False},
        {**pictures[5], "box": [0.1, 0.1, 0.9, 0.9]},
        {"queries": [{"text": "red"}, {"product_id": "demo-000002"}], "explain": True},
    ]
    queries = pictures + others
    found = batch(client, queries)

    assert len(found) == 64
    for query, item in zip(queries, found, strict=True):
        assert item["error"] is None
        alone = post(client, **query)
        answer = item["answer"]
        for key in ("image_id", "match", "explain", "total", "index"):
            assert answer[key] == alone[key], key
        for one, other in zip(answer["results"], alone["results"], strict=True):
            assert one["product_id"] == other["product_id"]
            assert one["similarity"] == pytest.approx(other["similarity"], abs=2e-5)
            assert one["product"] == other["product"]


def test_what_is_wrong_with_one_query_is_its_own(client: httpx.Client, shop: Shop):
    sound = {"image_base64": base64_of(shop.picture(1))}
    found = batch(
        client,
        [
            sound,
            {"image_base64": "?!"},
            {"image_base64": base64_of(b"no picture")},
            {"image_id": "0" * 64},
            {**sound, "limit": 0},
            {**sound, "filter": "made_of:wool"},
            {"text": "red", "vector": [1.0]},
            {"vector": [1.0]},
            {"product_id": "no-such"},
            {},
            sound,
        ],
    )

    problems = [
        item["error"] and (item["error"]["status"], item["error"]["code"]) for item in found
    ]
    assert problems == [
        None,
        (422, "invalid_query"),
        (415, "unsupported_image"),
        (404, "image_not_found"),
        (422, "invalid_query"),
        (422, "invalid_filter"),
        (422, "invalid_query"),
        (422, "invalid_query"),
        (404, "product_not_found"),
        (422, "invalid_query"),
        None,
    ]
    assert "limit: " in found[4]["error"]["detail"]
    assert [item["answer"] is None for item in found] == [error is not None for error in problems]
    assert found[0]["answer"]["results"] == found[-1]["answer"]["results"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"queries": []}, "queries: .*at least 1"),
        ({"queries": [{"text": "red"}] * 65}, "queries: .*at most 64"),
        ({"queries": ["red"]}, "queries.0: .*dictionary"),
        ({"queries": [{"text": "red"}], "limit": 3}, "limit: .*not permitted"),
        ({}, "queries: Field required"),
    ],
)
def test_a_batch_that_is_none(client: httpx.Client, body: dict, detail: str):
    answer = client.post("/v1/search:batch", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")
    assert re.search(detail, answer.json()["detail"]), answer.text


def test_a_batch_is_json(client: httpx.Client, shop: Shop):
    answer = client.post("/v1/search:batch", files={"file": shop.picture(0)})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_without_an_index_a_batch_is_told_so(empty_server: Server):
    with empty_server.client() as client:
        answer = client.post("/v1/search:batch", json={"queries": [{"text": "red"}]})

    assert (answer.status_code, answer.json()["code"]) == (503, "index_unavailable")


def test_many_pictures_have_a_limit_of_their_own(shop: Shop):
    picture = base64_of(shop.picture(1))
    some = {"queries": [{"image_base64": picture, "limit": 1}] * 12}
    more = {"queries": [{"image_base64": picture, "limit": 1}] * 24}
    largest = len(shop.picture(1))
    limit = 16 * len(picture)
    with serving(Settings(data_dir=shop.data_dir)) as parts:
        app = create_app(parts, max_image_bytes=largest, max_batch_bytes=limit)
        client = TestClient(app)
        model = client.get("/v1/index").json()["bundle"]["name"]
        inputs = [f"data:image/jpeg;base64,{picture}"] * 24
        alone = client.post("/v1/search", json=some)
        fits = client.post("/v1/search:batch", json=some)
        refused = [
            client.post("/v1/search:batch", json=more),
            client.post("/v1/embeddings", json={"model": model, "input": inputs}),
            client.post(  # in parts, whose sum nobody says before
                "/v1/search:batch",
                content=iter([json.dumps(more).encode()]),
                headers={"Content-Type": "application/json"},
            ),
        ]
        made = client.post("/v1/embeddings", json={"model": model, "input": inputs[:12]})

    assert len(json.dumps(some)) > largest * 4 // 3 + 65_536, "or it shows nothing"
    assert (alone.status_code, alone.json()["code"]) == (413, "body_too_large")
    assert [item["error"] for item in fits.json()["answers"]] == [None] * 12
    assert len(made.json()["data"]) == 12
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
