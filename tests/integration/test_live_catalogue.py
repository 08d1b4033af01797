"""What another process writes to the catalogue is served within a second, and outlives a swap."""

import re
import shutil
from pathlib import Path

import httpx
import pytest

from service.adapters.bundles import read_bundle
from service.adapters.sqlite_store import SqliteStore
from service.core.keys import bundle_digest
from service.core.store import Write
from service.core.types import Product
from service.settings import DEFAULT_BUNDLE
from support.live_server import PRODUCTS, VIEWS, Shop, eventually, serving, vitrine

pytestmark = pytest.mark.integration

DIGEST = bundle_digest(read_bundle(DEFAULT_BUNDLE))
REPRICED, GONE, NEW = "demo-000004", "demo-000009", "brand-new"


def test_live_writes_show_within_a_second_and_outlive_a_swap(shop: Shop, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(shop.data_dir, data_dir)
    store = SqliteStore(data_dir / "catalog.db")
    with serving(data_dir, tmp_path) as server, server.client() as client:
        assert gauges(client) == (PRODUCTS * VIEWS, 0, 0)
        revision = write(store)
        eventually(lambda: index(client)["sequence"] >= revision, server.log.read_text, seconds=1)
        assert found(client, shop, 9, "")[0] == NEW, "it has the pictures of the one deleted"
        assert GONE not in found(client, shop, 9, "")
        assert found(client, shop, 4, "price:123456") == [REPRICED]
        assert found(client, shop, 9, "season:summer") == [NEW]
        assert gauges(client) == (PRODUCTS * VIEWS, 2 * VIEWS, 2 * VIEWS)

        done = vitrine("reindex", shop.catalog, "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr
        eventually(lambda: index(client)["version"] == 2, server.log.read_text, seconds=2)
        assert found(client, shop, 9, "season:summer") == [NEW], "the run knows nothing of it"
        store.write([Write(NEW, None)], DIGEST, {})
        eventually(lambda: NEW not in found(client, shop, 9, ""), server.log.read_text, seconds=1)
    store.close()


def write(store: SqliteStore) -> int:
    """Change a price, delete a product, and sell its pictures as another."""
    found = store.get_many([REPRICED, GONE])
    *_, last = store.write(
        [
            Write(REPRICED, Product(REPRICED, price=123456.0)),
            Write(GONE, None),
            Write(NEW, Product(NEW, attributes={"season": "Summer"}), found[GONE].image_ids),
        ],
        DIGEST,
        {},
    )
    return last.revision


def found(client: httpx.Client, shop: Shop, number: int, wanted: str) -> list[str]:
    asked = {"filter": wanted} if wanted else {}
    answer = client.post("/v1/search", files={"file": shop.picture(number)}, data=asked)
    assert answer.status_code == 200, answer.text
    return [result["product_id"] for result in answer.json()["results"]]


def index(client: httpx.Client) -> dict:
    return client.get("/v1/index").json()


def gauges(client: httpx.Client) -> tuple[int, ...]:
    """Rows, delta rows and dead rows, of which the index says the same as the metrics."""
    metrics, said = client.get("/metrics").text, index(client)
    names = ("rows", "delta_rows", "dead_rows")
    counted = [re.search(rf"^vitrine_index_{name} (\S+)$", metrics, re.M) for name in names]
    values = tuple(int(float(match[1])) for match in counted if match)
    assert values == tuple(said[name] for name in names)
    return values
