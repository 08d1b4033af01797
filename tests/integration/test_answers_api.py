"""What an answer says beside results: how good they are, what the picture shows, what was done."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from service.api.app import create_app
from service.api.schemas import ProductOut, ProductsOut, SearchResponse
from service.core.preprocess import decode_for, preprocess
from service.encoders import make_encoder
from service.settings import DEFAULT_BUNDLE, Settings
from service.wiring import serving
from support.asking import base64_of, post
from support.live_server import PRODUCTS, Server, Shop, vitrine_here
from support.live_server import serving as served
from support.pictures import encoded, photo

pytestmark = pytest.mark.integration


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_a_picture_of_the_catalogue_is_exact_and_another_shop_s_is_not(
    client: httpx.Client, shop: Shop
):
    own = client.post("/v1/search", files={"file": shop.picture(15)}).json()
    other = client.post("/v1/search", files={"file": encoded(photo(200, 200), "JPEG")}).json()

    assert own["match"] == "exact"
    assert own["results"][0]["confidence"] > 0.85
    sureness = [result["confidence"] for result in own["results"]]
    assert sureness == sorted(sureness, reverse=True)
    assert all(0 <= each <= 1 for each in sureness)
    assert other["match"] == "none"


def test_what_a_picture_shows_is_told_by_every_head(client: httpx.Client, shop: Shop):
    detected = client.post("/v1/search", files={"file": shop.picture(15)}).json()["detected"]

    assert detected.keys() == {"category", "colour", "audience", "usage"}
    for labels in detected.values():
        shares = [each["probability"] for each in labels]
        assert 1 <= len(labels) <= 3
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1.001


def test_without_products_an_answer_is_short(client: httpx.Client, shop: Shop):
    answer = post(client, product_id="demo-000002", with_product=False)

    assert answer["results"]
    assert all(result["product"] is None for result in answer["results"])
    assert all(result["image_url"] for result in answer["results"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"category": "auto", "explain": True, "facets": ["brand", "price"]}, "category"),
        ({"filter": "price:..60", "explain": True, "diversity": 0.3, "limit": 20}, "explain"),
        ({"collapse": 0.7, "facets": ["colour"], "tier": "fast"}, "facets"),
        ({"with_product": False, "limit": 1}, "match"),
    ],
)
def test_answers_are_word_for_word_as_they_are_described(
    client: httpx.Client, shop: Shop, asked: dict[str, object], said: str
):
    described = TypeAdapter(SearchResponse)
    picture = {"image_base64": base64_of(shop.picture(15))}

    for query in (picture, {"text": "shoes"}, {"product_id": "demo-000001"}):
        body = client.post("/v1/search", json={**query, **asked}).content
        answer = described.validate_json(body, strict=True, extra="forbid")
        # Not one field more, less, of another type or at another place.
        assert described.dump_json(answer) == body
        assert answer["results"]
        assert query is not picture or answer[said]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/products/demo-000003", ProductOut),
        ("/v1/products?limit=7", ProductsOut),
        ("/v1/products/demo-000003/similar?facets=brand", SearchResponse),
    ],
)
def test_products_are_word_for_word_as_they_are_described(
    client: httpx.Client, path: str, kind: type
):
    described, body = TypeAdapter(kind), client.get(path).content

    shown = described.validate_json(body, strict=True, extra="forbid")
    assert described.dump_json(shown) == body


def test_a_category_that_the_shop_does_not_have_narrows_nothing(client: httpx.Client, shop: Shop):
    plain = client.post("/v1/search", files={"file": shop.picture(15)}).json()
    auto = client.post(
        "/v1/search", files={"file": shop.picture(15)}, data={"category": "auto"}
    ).json()

    assert plain["category"] is None
    assert auto["results"] == plain["results"]
    assert auto["category"]["applied"] is False
    assert auto["category"]["label"] == plain["detected"]["category"][0]["label"]
    assert auto["category"]["reason"]
    words = post(client, text="shoes", category="auto")
    assert words["category"] == {
        "label": None, "probability": None, "applied": False,
        "reason": "no category was detected",
    }  # fmt: skip


@pytest.fixture(scope="module")
def sorted_shop(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop, filed by what the model itself sees in each product's first picture."""
    folder = tmp_path_factory.mktemp("sorted")
    encoder = make_encoder(Settings())
    labels = next(head.labels for head in encoder.manifest.heads if head.name == "category")
    spec = encoder.manifest.preprocess
    pictures = [shop.picture(number) for number in range(PRODUCTS)]
    pixels = np.stack([preprocess(spec, decode_for(spec, each)) for each in pictures])
    _, heads = encoder.classify(pixels)
    filed = [labels[place] for place in heads["category"].argmax(axis=1)]
    table = pq.read_table(shop.catalog)
    numbers = [int(id_.as_py().split("-")[1]) for id_ in table["id"]]
    place = table.schema.get_field_index("category")
    column = [[filed[number] for number in numbers]]
    made = Shop(folder / "catalog.parquet", folder / "data")
    pq.write_table(table.set_column(place, "category", column), made.catalog)
    assert vitrine_here("reindex", made.catalog, "--data-dir", made.data_dir).returncode == 0
    return made


def test_a_sure_category_narrows_and_is_told(sorted_shop: Shop):
    with serving(Settings(data_dir=sorted_shop.data_dir)) as parts:
        client = TestClient(create_app(parts, max_image_bytes=20_000_000))
        told = []
        for number in range(PRODUCTS):
            body = {"category": "auto", "limit": 2, "explain": True}
            answer = client.post(
                "/v1/search", files={"file": sorted_shop.picture(number)}, data=body
            ).json()
            category = answer["category"]
            told.append(category["applied"])
            if category["applied"]:
                assert category["probability"] >= 0.6
                assert category["reason"] is None
                found = {result["product"]["category"] for result in answer["results"]}
                assert found == {category["label"]}
                condition = {"key": "category", "match": category["label"]}
                assert answer["explain"]["filter"] == {"must": [condition]}
                assert answer["total"] == 2

    assert any(told)
    assert not all(told)


def test_every_form_works_over_a_server_of_its_own_and_is_counted(shop: Shop, tmp_path: Path):
    with served(shop.data_dir, tmp_path, DEFAULT_BUNDLE) as server, server.client() as client:
        client.post("/v1/search", files={"file": shop.picture(0)})
        post(client, text="shoes")
        post(client, product_id="demo-000001")
        client.get("/v1/products/demo-000001/similar")
        counted = client.get("/metrics").text

    assert 'vitrine_embedding_cache_total{result="miss"} 1.0' in counted
    assert 'vitrine_embedding_cache_total{result="hit"}' not in counted
    assert 'vitrine_matches_total{match="exact"} 1.0' in counted
    assert 'route="/v1/products/{product_id}/similar",status="200"' in counted
