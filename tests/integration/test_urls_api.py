"""Pictures named by URL, where fetching is on: queries and writes, by the guarded fetcher alone."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.adapters.guarded_network import NOT_PUBLIC
from service.api.app import create_app
from service.core.keys import image_digest
from service.settings import Settings
from service.wiring import serving
from support.asking import ids, post, refused
from support.live_server import VIEWS, Shop, eventually
from support.url_shop import Names, UrlShop, fetcher_for, running

pytestmark = pytest.mark.integration

MAX_BYTES = 200_000
NUMBERS = range(3, 9)


@pytest.fixture
def hosts(shop: Shop) -> Iterator[UrlShop]:
    """A server of others, with photos of six products that no catalogue has."""
    with running() as server:
        server.photos = {f"{n}.jpg": shop.picture(n, VIEWS + 2) for n in NUMBERS}
        yield server


@pytest.fixture
def client(shop: Shop, hosts: UrlShop, tmp_path: Path) -> Iterator[TestClient]:
    """A service that may fetch from that server, one picture at a time."""
    data_dir = Path(shutil.copytree(shop.data_dir, tmp_path / "data"))
    settings = Settings(data_dir=data_dir, search_threads=4)
    names = Names(shop_example=[["127.0.0.1"]], inner_example=[["10.0.0.1"]])
    with (
        fetcher_for(hosts, names, max_bytes=MAX_BYTES) as fetcher,
        serving(settings, fetcher=fetcher) as parts,
        TestClient(create_app(parts, max_image_bytes=MAX_BYTES)) as client,
    ):
        yield client


def test_a_picture_behind_a_url_is_searched_by_as_if_it_were_sent(
    client: TestClient, shop: Shop, hosts: UrlShop
) -> None:
    url = hosts.url("/photo/3.jpg")
    picture = shop.picture(3, VIEWS + 2)
    sent = client.post("/v1/search", files={"file": picture}).json()

    fetched = post(client, image_url=url)
    assert fetched["results"] == sent["results"]
    assert fetched["image_id"] == image_digest(picture)
    assert "fetch" in fetched["timings"]
    part = post(client, image_url=url, box=[0, 0, 0.5, 0.5])
    assert (
        part["results"] == post(client, image_id=sent["image_id"], box=[0, 0, 0.5, 0.5])["results"]
    )


def test_a_url_that_fails_fails_alone_in_a_batch(client: TestClient, hosts: UrlShop) -> None:
    urls = [hosts.url("/photo/3.jpg"), hosts.url("/status/404"), hosts.url("/photo/4.jpg")]
    queries = [{"image_url": url, "limit": 3} for url in urls]
    first, bad, last = client.post("/v1/search:batch", json={"queries": queries}).json()["answers"]

    assert len(first["answer"]["results"]) == len(last["answer"]["results"]) == 3
    assert (bad["error"]["status"], bad["error"]["code"]) == (422, "fetch_failed")


def test_embeddings_take_urls(client: TestClient, hosts: UrlShop) -> None:
    model = client.get("/v1/index").json()["bundle"]["name"]
    asked = {"model": model, "input": [hosts.url("/photo/5.jpg")]}
    (made,) = client.post("/v1/embeddings", json=asked).json()["data"]

    by_vector = post(client, vector=made["embedding"])
    assert ids(by_vector) == ids(post(client, image_url=hosts.url("/photo/5.jpg")))


def test_a_product_is_written_with_a_picture_behind_a_url(
    client: TestClient, shop: Shop, hosts: UrlShop
) -> None:
    product = {"title": "From afar", "images": [{"image_url": hosts.url("/photo/6.jpg")}]}
    answer = client.put("/v1/products/afar", json=product)
    assert answer.status_code == 201, answer.text

    best = client.post("/v1/search", files={"file": shop.picture(6, VIEWS + 2)}).json()["results"][
        0
    ]
    assert best["product_id"] == "afar"
    assert best["similarity"] > 0.999


def test_inner_addresses_are_refused_alike_in_queries_and_writes(
    client: TestClient, hosts: UrlShop
) -> None:
    url = hosts.url("/photo/3.jpg", host="inner.example")
    assert NOT_PUBLIC in refused(client, 422, "fetch_failed", image_url=url)
    answer = client.put("/v1/products/inner", json={"images": [{"image_url": url}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "fetch_failed")
    assert NOT_PUBLIC in answer.json()["detail"]
    assert hosts.visits == []


def test_while_a_slow_host_holds_the_turns_others_search_and_fetches_are_a_429(
    client: TestClient, shop: Shop, hosts: UrlShop
) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, "/v1/search", json={"image_url": hosts.url("/silence")})
        eventually(lambda: hosts.visits)
        refusal = client.post("/v1/search", json={"image_url": hosts.url("/photo/3.jpg")})
        plain = client.post("/v1/search", files={"file": shop.picture(7)})
        hosts.ended.set()

    assert (refusal.status_code, refusal.json()["code"]) == (429, "overloaded")
    assert refusal.headers["Retry-After"]
    assert plain.status_code == 200
    assert slow.result().json()["code"] == "fetch_failed"
    assert len(hosts.visits) == 1
