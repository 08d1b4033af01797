"""Queries that cannot be answered: each a 4xx that says what was wrong and what to send."""

import re
from collections.abc import Iterator

import httpx
import pytest

from support.asking import base64_of, refused
from support.live_server import Server
from support.pictures import encoded, photo

pytestmark = pytest.mark.integration


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_no_url_is_fetched(client: httpx.Client):
    detail = refused(client, 422, "invalid_query", image_url="http://127.0.0.1:1/a.jpg")

    assert "fetches no `image_url`" in detail


ONE = {"text": "red"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "send one of file, .*not none"),
        ({"text": "red", "product_id": "a"}, "not `product_id` and `text`"),
        ({"image_id": "a", "product_id": "b"}, "not `image_id` and `product_id`"),
        ({"image_id": "a", "image_url": "b", "text": "red"}, "`image_url` and `image_id` and `te"),
        ({"text": ""}, "text: .*at least 1"),
        ({"text": " \t\n"}, "text: .*at least 1"),
        ({"text": "x" * 10_001}, "text: .*at most 10000"),
        ({"text": 3}, "text: .*string"),
        ({"text": "red", "box": [0, 0, 1, 1]}, "`box` is of a picture, and `text` is none"),
        ({"image_id": "a", "box": [0, 0, 1]}, "3 numbers are given"),
        ({"image_id": "a", "box": [0.5, 0, 0.5, 1]}, r"x1 < x2 <= 1.* not \[0.5, 0, 0.5, 1\]"),
        ({"image_id": "a", "box": [0, 0, 10, 10]}, r"not \[0, 0, 10, 10\]"),
        ({"image_id": "a", "box": "abc"}, "box: .*list"),
        ({"vector": [1.0, 2.0]}, "vector has 2 numbers, this bundle's have 256"),
        ({"vector": [0.0] * 256}, "all zeros"),
        ({"vector": []}, "vector: .*at least 1"),
        ({"vector": [1.0] * 20_000}, "vector: .*at most 16384"),
        ({"vector": ["a"]}, "vector.0: .*number"),
        ({"queries": []}, "queries: .*at least 1"),
        ({"queries": [ONE] * 17}, "queries: .*at most 16"),
        ({"queries": [{}]}, "send one of"),
        ({"queries": [{"text": "red", "product_id": "a"}]}, "not `product_id` and `text`"),
        ({"queries": [ONE], "text": "blue"}, "put `text` into `queries`"),
        ({"queries": [ONE], "box": [0, 0, 1, 1]}, "put `box` into `queries`"),
        ({"queries": [{**ONE, "weight": 0}]}, "cancel out"),
        ({"queries": [{**ONE, "weight": 1}, {**ONE, "weight": -1}]}, "cancel out"),
        ({"queries": [{**ONE, "weight": 1e9}]}, "queries.0.weight: .*100"),
        ({"queries": [{**ONE, "limit": 3}]}, "queries.0.limit: .*not permitted"),
        ({"queries": [{"queries": [ONE]}]}, "queries.0.queries: .*not permitted"),
        ({"queries": "[["}, "queries: "),
        ({"text": "red", "category": "shoes"}, "category: .*'auto'"),
        ({"text": "red", "group_by": "brand"}, "group_by: .*'product'"),
        ({"text": "red", "with_product": "perhaps"}, "with_product: .*boolean"),
    ],
)
def test_a_query_that_cannot_be_answered(client: httpx.Client, body: dict, detail: str):
    found = refused(client, 422, "invalid_query", **body)
    assert re.search(detail, found), found


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("form", ['{"vector": [%s]}', '{"queries": [{"text": "a", "weight": %s}]}'])
def test_numbers_that_are_not_finite(client: httpx.Client, form: str, number: str):
    answer = client.post(
        "/v1/search", content=form % number, headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


def test_a_box_of_a_few_pixels(client: httpx.Client):
    picture = base64_of(encoded(photo(100, 50), "PNG"))
    detail = refused(client, 422, "invalid_query", image_base64=picture, box=[0.1, 0.1, 0.15, 0.9])

    assert "covers 5x40 pixels of the 100x50" in detail
