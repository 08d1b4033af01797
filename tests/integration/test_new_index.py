"""A reindex in another process while searches go on: none fails, and the new version serves."""

import shutil
from pathlib import Path

import pytest

from service.demo.catalog import write_catalog
from support.live_server import PRODUCTS, SIDE, VIEWS, Shop, eventually, kept_up, serving, vitrine

pytestmark = pytest.mark.integration

MORE = PRODUCTS + 4


def test_a_new_index_is_served_within_two_seconds_and_nothing_fails(shop: Shop, tmp_path: Path):
    data_dir = tmp_path / "data"
    shutil.copytree(shop.data_dir, data_dir)
    grown = tmp_path / "grown.parquet"
    write_catalog(grown, MORE, views=VIEWS, size=SIDE)
    newcomer = {"file": shop.picture(MORE - 1)}

    with serving(data_dir, tmp_path) as server, server.client() as client:

        def search() -> tuple[int, int, float]:
            answer = client.post("/v1/search", files=newcomer, data={"limit": 1})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            best = body["results"][0]
            # The index that answered and the products shown must be of one version.
            assert (best["product_id"] == f"demo-{MORE - 1:06d}") == (body["index"]["version"] == 2)
            return body["index"]["version"], body["total"], best["similarity"]

        with kept_up(search):
            receipt = vitrine("reindex", grown, "--data-dir", data_dir, "--json")
            eventually(lambda: search()[0] == 2, seconds=2)

        assert search()[2] > 0.999
        assert client.get("/v1/index").json()["products"] == MORE
    assert f'"embedded": {(MORE - PRODUCTS) * VIEWS}' in receipt.stdout, receipt.stderr
