"""Filters, facets and ordering over REST and on the command line, against the catalogue itself."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.live_server import PRODUCTS, Server, Shop, vitrine_here

pytestmark = pytest.mark.integration


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def catalogue(client: httpx.Client) -> dict[str, dict[str, Any]]:
    listed = client.get("/v1/products", params={"limit": PRODUCTS}).json()["products"]
    return {product["id"]: product for product in listed}


def search(client: httpx.Client, shop: Shop, **options: object) -> dict[str, Any]:
    text = base64.b64encode(shop.picture(5)).decode()
    response = client.post("/v1/search", json={"image_base64": text, "limit": 200, **options})
    assert response.status_code == 200, response.text
    return response.json()


def ids(answer: dict[str, Any]) -> list[str]:
    return [result["product_id"] for result in answer["results"]]


def test_a_filter_finds_all_that_match_in_the_order_of_a_plain_search(
    client: httpx.Client, shop: Shop, catalogue: dict[str, dict[str, Any]]
):
    colour = catalogue["demo-000005"]["attributes"]["colour"]
    prices = sorted(product["price"] for product in catalogue.values())
    wanted = {
        "must": [{"key": "price", "range": {"lte": prices[40]}}],
        "must_not": [{"key": "colour", "match": colour.upper()}],
    }
    answer = search(client, shop, filter=wanted, explain=True)
    expected = [
        id_
        for id_ in ids(search(client, shop))
        if catalogue[id_]["price"] <= prices[40]
        and catalogue[id_]["attributes"]["colour"] != colour
    ]

    assert 0 < len(expected) < PRODUCTS
    assert ids(answer) == expected
    assert answer["explain"]["filter"] == {**wanted, "must_not": [
        {"key": "colour", "match": colour.upper()}
    ]}  # fmt: skip
    assert answer["explain"]["kept_products"] == len(expected)
    assert answer["explain"]["products"] == PRODUCTS
    assert answer["explain"]["plan"] in ("scan", "selector")
    assert answer["timings"].keys() >= {"filter", "search"}


def test_a_form_takes_the_short_form_and_json_alike(
    client: httpx.Client, shop: Shop, catalogue: dict[str, dict[str, Any]]
):
    brand = catalogue["demo-000005"]["brand"]
    price = catalogue["demo-000005"]["price"]
    condition = [
        {"key": "brand", "any": [brand, "none"]},
        {"key": "price", "range": {"lte": price}},
    ]
    sent = [f'brand:"{brand.lower()}",none price:..{price}', json.dumps({"must": condition})]
    answers = [
        client.post(
            "/v1/search", files={"file": shop.picture(5)}, data={"filter": text, "facets": "brand"}
        ).json()
        for text in sent
    ]

    assert ids(answers[0]) == ids(answers[1]) == ids(search(client, shop, filter=sent[0]))[:10]
    assert ids(answers[0])[0] == "demo-000005"
    assert answers[0]["facets"] == answers[1]["facets"]
    assert {result["product"]["brand"] for result in answers[0]["results"]} == {brand}


def test_facets_count_the_products_that_match(
    client: httpx.Client, shop: Shop, catalogue: dict[str, dict[str, Any]]
):
    prices = sorted(product["price"] for product in catalogue.values())
    answer = search(
        client, shop, limit=1, filter=f"price:..{prices[30]}", facets=["colour", "price"]
    )
    cheap = [product for product in catalogue.values() if product["price"] <= prices[30]]

    colours = Counter(product["attributes"]["colour"] for product in cheap)
    shown = {each["value"]: each["count"] for each in answer["facets"]["colour"]["values"]}
    assert shown == colours
    assert (answer["facets"]["price"]["min"], answer["facets"]["price"]["max"]) == (
        min(prices), prices[30],
    )  # fmt: skip
    assert len(answer["results"]) == 1


def test_without_being_asked_there_are_neither_facets_nor_an_explanation(
    client: httpx.Client, shop: Shop
):
    answer = search(client, shop)

    assert (answer["facets"], answer["explain"]) == ({}, None)
    assert all(result["duplicates"] == [] for result in answer["results"])


def test_pages_exclusions_and_a_least_similarity(client: httpx.Client, shop: Shop):
    every = search(client, shop)["results"]
    order = [result["product_id"] for result in every]

    assert ids(search(client, shop, limit=5, offset=7)) == order[7:12]
    assert ids(search(client, shop, exclude_ids=order[:3])) == order[3:]
    least = every[4]["similarity"] - 1e-5
    assert ids(search(client, shop, min_similarity=least)) == order[:5]


def test_diversity_changes_the_order_and_collapse_joins(client: httpx.Client, shop: Shop):
    plain = ids(search(client, shop))
    varied = ids(search(client, shop, diversity=0.8))
    joined = search(client, shop, collapse=0.7)["results"]

    assert varied != plain
    assert varied[0] == plain[0]
    assert sorted(varied) == sorted(plain)
    assert len(joined) < len(plain)
    named = [id_ for result in joined for id_ in (result["product_id"], *result["duplicates"])]
    assert sorted(named) == sorted(plain)


def test_the_command_line_filters_too(shop: Shop, tmp_path, catalogue: dict[str, dict[str, Any]]):
    picture = tmp_path / "query.jpg"
    picture.write_bytes(shop.picture(5))
    brand = catalogue["demo-000005"]["brand"]
    found = vitrine_here(
        "search", picture, "--data-dir", shop.data_dir, "--limit", 200, "--json",
        "--filter", f'brand:"{brand}"', "--filter", "price:0..1e6",
    )  # fmt: skip
    expected = {id_ for id_, product in catalogue.items() if product["brand"] == brand}

    assert found.returncode == 0, found.stderr
    assert {row["product_id"] for row in json.loads(found.stdout)["results"]} == expected


@pytest.mark.parametrize("wanted", ["made_of:wool", "brand", "price:cheap"])
def test_a_filter_that_is_none_ends_the_command_with_one_line(shop: Shop, tmp_path, wanted: str):
    picture = tmp_path / "query.jpg"
    picture.write_bytes(shop.picture(5))
    done = vitrine_here("search", picture, "--data-dir", shop.data_dir, "--filter", wanted)

    assert done.returncode == 2
    assert done.stdout == ""
    assert wanted.partition(":")[0] in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
