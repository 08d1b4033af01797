"""Every form of a query over HTTP: a running server, the bundle that ships, a real Redis."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.testclient import TestClient

from service.api.app import create_app
from service.core.keys import image_digest
from service.settings import Settings
from service.wiring import serving
from support.asking import base64_of, ids, post, refused, similarities
from support.live_server import PRODUCTS, VIEWS, Server, Shop, vitrine_here
from support.pictures import encoded
from support.redis_server import RedisServer

pytestmark = pytest.mark.integration

UNSEEN = VIEWS + 3
"""A view that no catalogue has."""


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


# ---- pictures again ----


def test_a_picture_is_sent_once_and_then_named(client: httpx.Client, shop: Shop):
    picture = shop.picture(3, UNSEEN)
    sent = client.post("/v1/search", files={"file": picture}).json()
    again = post(client, image_id=sent["image_id"])
    form = client.post(
        "/v1/search", data={"image_id": sent["image_id"]}, files={"limit": (None, "10")}
    )

    assert sent["image_id"] == image_digest(picture)
    assert again["results"] == sent["results"] == form.json()["results"]
    assert again["detected"] == sent["detected"]
    assert "cached" in again["timings"]


def test_a_box_of_a_picture_is_its_crop(client: httpx.Client, shop: Shop):
    """Two products side by side: each half finds its own."""
    two = Image.new("RGB", (320, 160), "white")
    for place, number in enumerate((5, 23)):
        two.paste(Image.open(BytesIO(shop.picture(number))), (160 * place, 0))
    data = encoded(two, "PNG")
    left = client.post("/v1/search", files={"file": data}, data={"box": "0,0,0.5,1"}).json()
    right = post(client, image_id=left["image_id"], box=[0.5, 0, 1, 1])

    assert left["image_id"] == right["image_id"] == image_digest(data)
    assert (ids(left)[0], ids(right)[0]) == ("demo-000005", "demo-000023")
    assert min(left["results"][0]["similarity"], right["results"][0]["similarity"]) > 0.97
    assert left["match"] == right["match"] == "exact"


def test_a_picture_of_the_catalogue_is_known_by_the_id_in_a_result(
    client: httpx.Client, shop: Shop
):
    # Nobody may have sent its bytes: one that no other test asks with.
    image_id = client.get("/v1/products/demo-000058").json()["images"][2]["image_id"]
    answer = post(client, image_id=image_id)

    assert ids(answer)[0] == "demo-000058"
    assert answer["results"][0]["similarity"] > 0.999
    assert answer["image_id"] == image_id
    detail = refused(client, 422, "invalid_query", image_id=image_id, box=[0, 0, 0.5, 0.5])
    assert "keeps no original" in detail


@pytest.mark.parametrize("image_id", ["0" * 64, "short", "../../catalog.db"])
def test_a_picture_that_is_not_known(client: httpx.Client, image_id: str):
    assert "send it again" in refused(client, 404, "image_not_found", image_id=image_id)


def test_another_replica_knows_the_picture_through_redis(
    shop: Shop, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = Settings(data_dir=shop.data_dir, redis_url=redis_server.url)
    picture = shop.picture(7, UNSEEN)
    with serving(settings) as one, serving(settings) as other:
        sent = TestClient(create_app(one, max_image_bytes=20_000_000)).post(
            "/v1/search", files={"file": picture}
        )
        replica = TestClient(create_app(other, max_image_bytes=20_000_000))
        body = {"image_id": sent.json()["image_id"], "box": [0.1, 0.1, 0.9, 0.9]}
        assert replica.post("/v1/search", json=body).status_code == 200
        redis_server.signal(9)
        again = replica.post("/v1/search", json=body).json()
        assert "cached" in again["timings"], "what it found, it keeps"


def test_no_picture_is_kept_where_there_is_no_room_for_any(shop: Shop):
    settings = Settings(data_dir=shop.data_dir, recent_picture_bytes=0)
    with serving(settings) as parts:
        client = TestClient(create_app(parts, max_image_bytes=20_000_000))
        sent = client.post("/v1/search", files={"file": shop.picture(9, UNSEEN)}).json()
        answer = client.post("/v1/search", json={"image_id": sent["image_id"]})

    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")


# ---- products, words, vectors, mixes ----


def test_similar_products_are_those_like_its_pictures(client: httpx.Client):
    route = client.get("/v1/products/demo-000004/similar", params={"limit": 7})
    body = post(client, product_id="demo-000004", limit=7)

    assert route.status_code == 200
    assert route.json()["results"] == body["results"]
    assert len(body["results"]) == 7
    assert "demo-000004" not in ids(body)


def test_similar_takes_the_options_of_a_search(client: httpx.Client):
    answer = client.get(
        "/v1/products/demo-000004/similar",
        params={
            "filter": "price:..60",
            "facets": "brand",
            "limit": 60,
            "exclude_ids": "demo-000001,demo-000002",
            "with_product": "false",
            "explain": "true",
        },
    ).json()

    assert answer["facets"].keys() == {"brand"}
    assert answer["explain"]["filter"] == {"must": [{"key": "price", "range": {"lte": 60.0}}]}
    assert answer["total"] == answer["explain"]["candidates"]
    assert {result["product"] for result in answer["results"]} == {None}
    assert not {"demo-000001", "demo-000002", "demo-000004"} & set(ids(answer))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/products/no-such/similar", 404, "product_not_found"),
        ("/v1/products/demo-000004/similar?limit=0", 422, "invalid_query"),
        ("/v1/products/demo-000004/similar?limit=1&limit=2", 422, "invalid_query"),
        ("/v1/products/demo-000004/similar?text=red", 422, "invalid_query"),
        ("/v1/products/demo-000004/similar?filter=nothing:red", 422, "invalid_filter"),
        ("/v1/products/demo-000004/similar?group_by=brand", 422, "invalid_query"),
    ],
)
def test_similar_that_cannot_be_answered(client: httpx.Client, path: str, status: int, code: str):
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_id_with_slashes_has_similar_products(shop: Shop, tmp_path: Path):
    for number in range(4):
        path = tmp_path / "pictures" / "shoes" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shop.picture(number))
    assert (
        vitrine_here("reindex", tmp_path / "pictures", "--data-dir", tmp_path / "data").returncode
        == 0
    )
    with serving(Settings(data_dir=tmp_path / "data")) as parts:
        client = TestClient(create_app(parts, max_image_bytes=20_000_000))
        known = [product["id"] for product in client.get("/v1/products").json()["products"]]
        answer = client.get(f"/v1/products/{known[0]}/similar").json()

    assert "/" in known[0]
    assert sorted([known[0], *ids(answer)]) == sorted(known)


def test_words_find_what_they_say(client: httpx.Client):
    answer = post(client, text="  sunglasses ", limit=5)
    form = client.post("/v1/search", files={"text": (None, "sunglasses"), "limit": (None, "5")})

    assert form.json()["results"] == answer["results"]
    assert len(answer["results"]) == 5
    assert (answer["image_id"], answer["match"], answer["detected"]) == (None, None, {})
    assert {result["confidence"] for result in answer["results"]} == {None}


def test_a_vector_finds_what_its_picture_finds(client: httpx.Client, shop: Shop):
    picture = shop.picture(12, UNSEEN)
    uri = f"data:image/jpeg;base64,{base64_of(picture)}"
    made = client.post("/v1/embeddings", json={"input": uri, "model": "vitrine-default"}).json()
    vector = made["data"][0]["embedding"]
    expected = similarities(post(client, image_base64=base64_of(picture)))

    assert similarities(post(client, vector=vector)) == pytest.approx(expected, abs=1e-5)
    form = client.post("/v1/search", files={"vector": (None, json.dumps(vector))})
    assert similarities(form.json()) == pytest.approx(expected, abs=1e-5)


def test_a_mix_finds_what_is_like_its_parts(client: httpx.Client, shop: Shop):
    one, other = shop.picture(2), shop.picture(31)
    both = post(
        client, queries=[{"image_base64": base64_of(one)}, {"image_base64": base64_of(other)}]
    )
    unlike = post(
        client,
        limit=PRODUCTS,
        queries=[{"image_id": image_digest(one)}, {"product_id": "demo-000031", "weight": -1}],
    )

    assert set(ids(both)[:2]) == {"demo-000002", "demo-000031"}
    assert both["match"] is None
    assert "demo-000031" not in ids(unlike)
    assert ids(unlike)[0] == "demo-000002"


def test_a_picture_and_words_are_a_mix(client: httpx.Client, shop: Shop):
    picture = shop.picture(8)
    form = client.post("/v1/search", files={"file": picture}, data={"text": "red"}).json()
    mixed = post(
        client, queries=[{"image_id": image_digest(picture)}, {"text": "red", "weight": 2}]
    )

    assert form["results"] == mixed["results"]
    assert form["image_id"] == image_digest(picture)
    assert form["match"] is None
