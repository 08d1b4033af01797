"""Both clients against a running server: one suite, whose methods wait or are awaited."""

import asyncio
import inspect
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import (
    AsyncVitrine,
    Vitrine,
    VitrineApiError,
    VitrineUnreachableError,
)
from service.client.bulk import REQUEST_LINES
from service.core.access import Scope, new_key
from support.live_server import Server, Shop, serving

pytestmark = pytest.mark.integration

SECRET, KEY = new_key("us", [Scope.SEARCH, Scope.WRITE])
SLOW_SECRET, SLOW_KEY = new_key("slow", [Scope.SEARCH, Scope.WRITE])


class Blocking:
    """An `AsyncVitrine` whose methods are waited for, on a loop of its own."""

    def __init__(self, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncVitrine(**options, http=httpx.AsyncClient(trust_env=False))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def waited(*args: Any, **kwargs: Any) -> Any:
            made = method(*args, **kwargs)
            if inspect.isasyncgen(made):
                return iter(self._runner.run(_listed(made)))
            return self._runner.run(made)

        return waited

    def end(self) -> None:
        self._runner.run(self._client._http.aclose())
        self._runner.close()


async def _listed(statuses: Any) -> list[Any]:
    return [status async for status in statuses]


@pytest.fixture(params=["waits", "awaited"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients of one of the two kinds."""
    made: list[Any] = []

    def make(url: str, api_key: str | None = SECRET, **options: Any) -> Any:
        if request.param == "awaited":
            made.append(Blocking(url=url, api_key=api_key, **options))
        else:
            http = httpx.Client(trust_env=False)
            made.append(Vitrine(url, api_key, **options, http=http))
        return made[-1]

    yield make
    for client in made:
        client.end() if isinstance(client, Blocking) else client._http.close()


@pytest.fixture(scope="module")
def writable(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own catalogue, whose keys are `KEY` and `SLOW_KEY`."""
    folder = tmp_path_factory.mktemp("client")
    data_dir = Path(shutil.copytree(shop.data_dir, folder / "data"))
    with serving(data_dir, folder, VITRINE_API_KEYS=f"{KEY} {SLOW_KEY}") as running:
        yield running


@pytest.fixture
def client(connect: Callable[..., Any], writable: Server) -> Any:
    return connect(writable.url)


def ids(answer: Any) -> list[str]:
    return [result.product_id for result in answer.results]


def test_every_form_of_a_query(client: Any, shop: Shop) -> None:
    photo = shop.picture(3)
    sent = client.search(file=photo, limit=3)
    assert (sent.match, sent.total, sent.results[0].similarity) == ("exact", 3, pytest.approx(1))
    first = ids(sent)[0]
    assert sent.results[0].product.id == first
    assert sent.results[0].product.images[0].image_id
    assert ids(client.search(image_id=sent.image_id, limit=3)) == ids(sent)
    boxed = client.search(file=photo, box=(0.2, 0.2, 0.8, 0.8))
    assert ids(boxed) == ids(client.search(image_id=sent.image_id, box=[0.2, 0.2, 0.8, 0.8]))
    alike = client.search(product_id=first, limit=3)
    assert first not in ids(alike)
    assert ids(client.similar(first, limit=3)) == ids(alike)
    assert len(ids(client.search(text="red sunglasses", limit=3))) == 3
    mixed = client.search(
        queries=[{"file": photo}, {"product_id": ids(alike)[0], "weight": -0.5}], limit=1
    )
    assert ids(mixed) == [first]
    changed = client.search(file=photo, text="red", limit=2)
    assert (changed.match, changed.total) == (None, 2)


def test_every_option(client: Any, shop: Shop) -> None:
    photo = shop.picture(3)
    plain = client.search(file=photo, limit=5)
    first = ids(plain)[0]
    wanted = {"must_not": [{"key": "brand", "match": plain.results[0].product.brand}]}
    options: dict[str, Any] = {
        "limit": 4, "offset": 1, "filter": wanted, "facets": ["brand", "price"],
        "exclude_ids": [ids(plain)[1]], "min_similarity": -1.0, "diversity": 0.2, "collapse": 0.999,
        "group_by": "product", "category": "auto", "with_product": False, "explain": True,
    }  # fmt: skip
    sent = client.search(file=photo, **options)
    assert sent.total == 4
    assert sent.results[0].product is None
    assert not {first, ids(plain)[1]} & set(ids(sent))
    assert sent.explain.filter["must_not"]
    assert sent.explain.kept_products < sent.explain.products
    assert {"brand", "price"} == set(sent.facets)
    assert sent.facets["price"].min < sent.facets["price"].max
    assert sent.category.label
    assert sent.detected["category"][0].probability > 0
    again = client.search(image_id=sent.image_id, **options)
    assert ids(again) == ids(sent)
    similar = client.similar(first, **{**options, "category": "auto"})
    assert similar.explain.kept_products == sent.explain.kept_products


def test_a_batch_has_an_answer_or_an_error_for_each(client: Any, shop: Shop) -> None:
    batch = client.search_batch(
        [{"file": shop.picture(3), "limit": 2}, {"product_id": "none"}, {"text": "bag", "limit": 1}]
    )
    assert [len(item.answer.results) if item.answer else None for item in batch.answers] == [
        2, None, 1,
    ]  # fmt: skip
    assert (batch.answers[1].error.code, batch.answers[1].error.status) == (
        "product_not_found", 404,
    )  # fmt: skip


def test_vectors_of_words_and_pictures_find_what_these_find(client: Any, shop: Shop) -> None:
    photo = shop.picture(3)
    bundle = client.index().bundle
    made = client.embeddings(bundle.name, [photo, "red sunglasses"])
    assert [len(vector) for vector in made.vectors] == [bundle.dim, bundle.dim]
    assert sum(x * x for x in made.vectors[0]) == pytest.approx(1, abs=1e-5)
    assert made.tokens > 0
    found = client.search(vector=made.vectors[0], limit=3)
    assert ids(found) == ids(client.search(file=photo, limit=3))
    assert client.image(found.results[0].image_id)[:4] in (b"RIFF", b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize(
    "product_id", ["sku-1", "shoes/red 1?#%41.jpg", "ünï/../x", ".", "a/similar"]
)
def test_a_product_from_its_writing_to_its_end(client: Any, shop: Shop, product_id: str) -> None:
    written = client.put_product(
        product_id,
        {
            "title": "Bag", "price": 30, "attributes": {"sizes": [1, 2]},
            "images": [{"file": shop.picture(70)}],
        },
        only_new=True,
    )  # fmt: skip
    assert written.created
    assert (written.product.id, written.product.price) == (product_id, 30.0)
    with pytest.raises(VitrineApiError) as refused:
        client.put_product(product_id, {}, only_new=True)
    assert (refused.value.status, refused.value.code) == (412, "revision_conflict")
    assert refused.value.request_id
    assert "revision_conflict" in str(refused.value)

    assert ids(client.search(file=shop.picture(70), limit=1)) == [product_id]
    read = client.get_product(product_id)
    assert (read.product, read.etag) == (written.product, written.etag)
    assert client.get_product_if_changed(product_id, read.etag) is None
    changed = client.patch_product(product_id, {"price": 25, "title": None}, if_match=read.etag)
    assert (changed.product.price, changed.product.title, changed.created) == (25.0, "", False)
    assert len(changed.product.images) == 1
    assert client.get_product_if_changed(product_id, read.etag) == changed
    with pytest.raises(VitrineApiError, match="412 revision_conflict"):
        client.delete_product(product_id, if_match=read.etag)
    assert client.delete_product(product_id, if_match=changed.etag) is None
    with pytest.raises(VitrineApiError, match="404 product_not_found"):
        client.get_product(product_id)


def test_a_bulk_tells_of_every_line(client: Any) -> None:
    count = 2 * REQUEST_LINES + 2
    lines = [{"id": f"many-{i}", "price": i} for i in range(count)]
    lines[3:3] = [{"op": "delete", "id": "none"}, {"id": "bad", "price": -1}]
    statuses = list(client.bulk(iter(lines)))
    assert [status.line for status in statuses] == list(range(1, count + 3))
    assert {status.status for status in statuses} <= {200, 201, 404, 422}
    assert (statuses[3].status, statuses[3].code) == (404, "product_not_found")
    assert (statuses[4].status, statuses[4].id) == (422, "bad")
    assert client.get_product(f"many-{count - 1}").product.price == count - 1
    assert list(client.bulk([])) == []
    gone = client.bulk({"op": "delete", "id": f"many-{i}"} for i in range(count))
    assert {status.status for status in gone} == {204}


def test_statuses_come_while_lines_are_still_made(
    writable: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    made = 0

    def lines() -> Iterator[Any]:
        nonlocal made
        for made in range(1, 2 * REQUEST_LINES + 1):
            yield {"op": "delete", "id": f"no-{made}"}

    with Vitrine(writable.url, SECRET) as client:
        statuses = client.bulk(lines())
        assert (next(statuses).line, made) == (1, REQUEST_LINES)
        assert len(list(statuses)) == 2 * REQUEST_LINES - 1


def test_lines_that_come_later_are_awaited(
    writable: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")

    async def lines() -> Any:
        for number in range(3):
            await asyncio.sleep(0)
            yield {"op": "delete", "id": f"no-{number}"}

    async def run() -> list[int]:
        async with AsyncVitrine(writable.url, SECRET) as client:
            return [status.status async for status in client.bulk(lines())]

    assert asyncio.run(run()) == [404, 404, 404]


def test_pages_of_the_catalogue(client: Any) -> None:
    products = client.list_products(limit=3)
    assert len(products) == 3
    assert client.get_product(products[0].id).product == products[0]


def test_what_is_refused_says_why(connect: Callable[..., Any], writable: Server) -> None:
    for key, status, code in (
        (None, 401, "unauthorized"),
        ("vk_wrong", 401, "unauthorized"),
        (SECRET, 422, "invalid_query"),
    ):
        with pytest.raises(VitrineApiError) as refused:
            connect(writable.url, key).search(limit=0, text="bag")
        error = refused.value
        assert (error.status, error.code, error.retry_after) == (status, code, None)
        assert error.detail
        assert error.request_id


def test_nobody_there(connect: Callable[..., Any]) -> None:
    with pytest.raises(VitrineUnreachableError, match="GET /v1/index: ConnectError"):
        connect("http://127.0.0.1:1").index()


@pytest.fixture(scope="module")
def limited(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One request a second for each key."""
    settings = {
        "VITRINE_API_KEYS": f"{KEY} {SLOW_KEY}",
        "VITRINE_RATE_LIMIT": "1",
        "VITRINE_RATE_BURST": "1",
    }
    with serving(shop.data_dir, tmp_path_factory.mktemp("limited"), **settings) as running:
        yield running


def test_a_refusal_for_the_moment_is_waited_out(connect: Any, limited: Server) -> None:
    hasty = connect(limited.url, retries=0)
    with pytest.raises(VitrineApiError) as refused:
        [hasty.index() for _ in range(50)]
    assert (refused.value.status, refused.value.code) == (429, "rate_limited")
    assert refused.value.retry_after == 1
    impatient = connect(limited.url, max_wait_seconds=0.5)
    with pytest.raises(VitrineApiError, match="429 rate_limited"):
        [impatient.index() for _ in range(50)]
    assert connect(limited.url, retries=5).index().products == 60
