"""The REST service as its users meet it: a real process, a real index, the bundle that ships."""

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from service.core.keys import image_digest
from support.live_server import PRODUCTS, VIEWS, Server, Shop, eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def search(client: httpx.Client, picture: bytes, limit: int = 10) -> dict:
    response = client.post("/v1/search", files={"file": picture}, data={"limit": limit})
    assert response.status_code == 200, response.text
    return response.json()


def product_id(number: int) -> str:
    return f"demo-{number:06d}"


def test_a_picture_of_the_catalogue_finds_its_product_first(client: httpx.Client, shop: Shop):
    for number, view in [(0, 0), (7, 1), (PRODUCTS - 1, 2)]:
        best, *others = search(client, shop.picture(number, view))["results"]

        assert best["product_id"] == product_id(number)
        assert best["similarity"] > 0.999
        assert all(other["similarity"] <= best["similarity"] for other in others)


def test_a_view_that_the_catalogue_lacks_mostly_finds_its_product(client: httpx.Client, shop: Shop):
    found = 0
    for number in range(20):
        results = search(client, shop.picture(number, view=VIEWS + 1), limit=5)["results"]
        found += product_id(number) in [result["product_id"] for result in results]

    assert found >= 10, f"only {found} of 20 within the first five of {PRODUCTS}"


def test_every_way_to_send_a_picture_gives_the_same_answer(client: httpx.Client, shop: Shop):
    picture = shop.picture(3)
    text = base64.b64encode(picture).decode()
    answers = [
        client.post("/v1/search", files={"file": ("a.jpg", picture)}, data={"limit": "4"}),
        client.post("/v1/search", files={"image_base64": (None, text), "limit": (None, "4")}),
        client.post("/v1/search", json={"image_base64": text, "limit": 4}),
        client.post(
            "/v1/search", json={"image_base64": f"data:image/jpeg;base64,{text}", "limit": 4}
        ),
    ]

    first, *others = [answer.json()["results"] for answer in answers]
    assert len(first) == 4
    assert all(other == first for other in others)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (25, 25), (200, PRODUCTS)])
def test_as_many_distinct_products_come_back_as_wanted_and_there_are(
    client: httpx.Client, shop: Shop, limit: int, expected: int
):
    answer = search(client, shop.picture(5), limit)

    assert answer["total"] == len(answer["results"]) == expected
    assert len({result["product_id"] for result in answer["results"]}) == expected


def test_ten_products_are_the_default(client: httpx.Client, shop: Shop):
    response = client.post("/v1/search", files={"file": shop.picture(5)})

    assert len(response.json()["results"]) == 10


def test_the_answer_has_the_shape_that_the_design_promises(client: httpx.Client, shop: Shop):
    picture = shop.picture(11)
    answer = search(client, picture)

    assert answer["image_id"] == image_digest(picture)
    assert answer["index"].keys() == {"version", "built_at", "bundle", "sequence"}
    assert answer["took_ms"] > 0
    assert answer["timings"].keys() >= {"search", "products"}
    assert answer["degraded"] == []
    result = answer["results"][0]
    assert result["matched_images"] >= 1
    assert result["image_url"] == f"/v1/images/{result['image_id']}"
    assert result["product"] == client.get(f"/v1/products/{result['product_id']}").json()
    assert result["product"].keys() == {
        "id", "title", "category", "brand", "price", "currency", "availability", "url",
        "attributes", "images", "updated_at",
    }  # fmt: skip


def test_a_product_is_shown_with_all_its_catalogue_says(client: httpx.Client):
    shown = client.get(f"/v1/products/{product_id(2)}").json()

    assert shown["title"]
    assert " > " in shown["category"]
    assert shown["price"] > 0
    assert shown["currency"] == "EUR"
    assert shown["attributes"].keys() == {"colour", "pattern", "audience"}
    assert len({image["image_id"] for image in shown["images"]}) == VIEWS


def test_products_are_listed_up_to_the_limit(client: httpx.Client):
    listed = client.get("/v1/products", params={"limit": 7}).json()["products"]

    assert [product["id"] for product in listed] == [product_id(n) for n in range(7)]
    assert len(client.get("/v1/products").json()["products"]) == 20


def test_a_result_has_a_picture_to_show_that_may_be_kept_for_ever(client: httpx.Client, shop: Shop):
    result = search(client, shop.picture(0))["results"][0]
    shown = client.get(result["image_url"])

    assert shown.content == shop.picture(0)  # small enough to be kept as it is
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert shown.headers["x-content-type-options"] == "nosniff"


def test_the_index_says_what_it_is(client: httpx.Client):
    index = client.get("/v1/index").json()

    assert (index["version"], index["rows"], index["products"]) == (1, PRODUCTS * VIEWS, PRODUCTS)
    assert (index["delta_rows"], index["dead_rows"], index["problem"]) == (0, 0, None)
    assert index["bundle"]["provider"] == "cpu"
    assert re.fullmatch("[0-9a-f]{64}", index["bundle"]["digest"])


def test_a_working_process_is_alive_and_ready(client: httpx.Client):
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {
        "status": "ready",
        "provider": "cpu",
        "index_version": 1,
    }


def test_a_request_keeps_the_id_it_came_with(client: httpx.Client, shop: Shop):
    answer = client.post(
        "/v1/search", files={"file": shop.picture(0)}, headers={"X-Request-ID": "trace-42"}
    )

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "trace-42"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "<script>"])
def test_a_request_id_that_might_do_harm_is_replaced(client: httpx.Client, sent: str):
    given = client.get("/livez", headers={"X-Request-ID": sent}).headers["x-request-id"]

    assert re.fullmatch("[0-9a-f]{32}", given)


def count(client: httpx.Client, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_the_metrics_count_what_happened(client: httpx.Client, shop: Shop):
    series = {
        'vitrine_requests_total{method="POST",route="/v1/search",status="200"}': 3,
        'vitrine_requests_total{method="POST",route="/v1/search",status="415"}': 1,
        'vitrine_requests_total{method="GET",route="/static",status="200"}': 1,
        'vitrine_request_seconds_count{route="/v1/search"}': 4,
        'vitrine_stage_seconds_count{stage="decode"}': 1,
        'vitrine_stage_seconds_count{stage="embed"}': 1,
        'vitrine_stage_seconds_count{stage="search"}': 2,
        'vitrine_stage_seconds_count{stage="cached"}': 2,
        'vitrine_embedding_cache_total{result="miss"}': 1,
        'vitrine_embedding_cache_total{result="hit"}': 1,
        'vitrine_answers_total{source="search"}': 2,
        'vitrine_answers_total{source="cache"}': 1,
        'vitrine_cache_hits_total{cache="results",level="memory"}': 1,
        'vitrine_cache_misses_total{cache="results",level="memory"}': 3,
        'vitrine_cache_hits_total{cache="embeddings",level="memory"}': 1,
    }
    before = {name: count(client, name) for name in series}

    unseen = shop.picture(44, view=9)
    search(client, unseen)
    search(client, unseen)
    search(client, unseen, limit=3)
    client.post("/v1/search", files={"file": b"no picture"})
    client.get("/static/app.js")

    def grown() -> dict[str, float]:
        return {name: count(client, name) - before[name] for name in series}

    # A request is counted when its last byte is gone, a moment after it has arrived here.
    eventually(lambda: grown() == series, grown, seconds=5)
    assert count(client, "vitrine_index_version") == 1
    assert count(client, "vitrine_index_rows") == PRODUCTS * VIEWS


def test_pictures_searched_at_once_are_not_mixed_up(client: httpx.Client, shop: Shop):
    numbers = [0, 20, 40]
    pictures = {n: shop.picture(n, view=VIEWS + 2) for n in numbers}
    alone = {n: search(client, pictures[n])["results"] for n in numbers}
    best = {n: results[0]["product_id"] for n, results in alone.items()}
    # Pictures that nothing has embedded yet, so that batches form: one byte more is another file.
    jobs = [(n, pictures[n] + bytes([i])) for i in range(16) for n in numbers]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda job: search(client, job[1], limit=3), jobs))

    for (number, picture), answer in zip(jobs, answers, strict=True):
        assert answer["image_id"] == image_digest(picture)
        first = answer["results"][0]
        assert first["product_id"] == best[number]
        assert first["similarity"] == pytest.approx(alone[number][0]["similarity"], abs=1e-5)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/static/index.html", "text/html"),
        ("/static/app.js", "text/javascript"),
        ("/static/style.css", "text/css"),
    ],
)
def test_the_page_may_load_nothing_from_elsewhere(client: httpx.Client, path: str, kind: str):
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


def test_what_the_page_names_is_there(client: httpx.Client):
    page = client.get("/").text
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)

    assert len(named) == 2
    assert all(client.get(path).status_code == 200 for path in named)
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", page)
