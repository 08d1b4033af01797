"""A reindex in another process while searches go on: none fails, and the new version serves."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from service.demo.catalog import write_catalog
from support.live_server import PRODUCTS, SIDE, VIEWS, Shop, eventually, serving, vitrine

pytestmark = pytest.mark.integration

MORE = PRODUCTS + 4


def test_a_new_index_is_served_within_two_seconds_and_nothing_fails(shop: Shop, tmp_path: Path):
    data_dir = tmp_path / "data"
    shutil.copytree(shop.data_dir, data_dir)
    grown = tmp_path / "grown.parquet"
    write_catalog(grown, MORE, views=VIEWS, size=SIDE)
    newcomer = {"file": shop.picture(MORE - 1)}
    done = Event()

    with serving(data_dir, tmp_path) as server, server.client() as client:

        def search() -> tuple[int, int, float]:
            answer = client.post("/v1/search", files=newcomer, data={"limit": 1})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            best = body["results"][0]
            # The index that answered and the products shown must be of one version.
            assert (best["product_id"] == f"demo-{MORE - 1:06d}") == (body["index"]["version"] == 2)
            return body["index"]["version"], body["total"], best["similarity"]

        def keep_searching() -> int:
            count = 0
            while not done.is_set():
                search()
                count += 1
            return count

        with ThreadPoolExecutor(1) as pool:
            searches = pool.submit(keep_searching)
            receipt = vitrine("reindex", grown, "--data-dir", data_dir, "--json")
            try:
                eventually(lambda: search()[0] == 2, seconds=2)
            finally:
                done.set()
            assert searches.result() > 0

        assert search()[2] > 0.999
        assert client.get("/v1/index").json()["products"] == MORE
    assert f'"embedded": {(MORE - PRODUCTS) * VIEWS}' in receipt.stdout, receipt.stderr
