"""`vitrine reindex` of files made for Google and Shopify, with a real server of pictures."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from service.core.keys import image_digest
from service.core.store import ProductStore
from service.settings import Settings
from service.wiring import examining
from support.live_server import vitrine_here
from support.picture_server import Pictures, serving_pictures

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain_terminal")]


@pytest.fixture
def server() -> Iterator[Pictures]:
    with serving_pictures(5) as server:
        yield server


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def reindexed(source: Path, data_dir: Path, *options: str) -> dict[str, object]:
    done = vitrine_here("reindex", source, "--data-dir", data_dir, "--json", *options)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def pictures(store: ProductStore, server: Pictures, product_id: str) -> list[str]:
    """Names of a product's pictures, in its order."""
    names = {image_digest(data): name for name, data in server.pictures.items()}
    stored = store.get_many([product_id])[product_id]
    return [names[image_id] for image_id in stored.image_ids]


def test_a_shop_s_shopify_export_is_indexed(
    server: Pictures, tmp_path: Path, data_dir: Path
) -> None:
    source = tmp_path / "products_export.csv"
    source.write_text(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Variant Price,"
        "Image Src,Image Position\n"
        'scarf,Wool scarf,<p>Soft &amp; warm</p>,Larkspur,Scarves,"winter, wool",Color,Red,29.90,'
        f"{server.url('1.jpg')},2\n"
        f"scarf,,,,,,,Blue,31.00,{server.url('0.jpg')},1\n"
        f"mug,Mug,,Larkspur,Mugs,,Title,Default Title,9.00,{server.url('2.jpg')},1\n"
    )
    report = reindexed(source, data_dir)
    assert (report["products"], report["embedded"], report["failed"]) == (2, 3, 0)
    with examining(Settings(data_dir=data_dir)) as (store, _):
        scarf = store.get_many(["scarf"])["scarf"].product
        assert pictures(store, server, "scarf") == ["0.jpg", "1.jpg"]
    assert (scarf.title, scarf.price, scarf.brand) == ("Wool scarf", 29.9, "Larkspur")
    assert scarf.attributes["Description"] == "Soft & warm"
    (tmp_path / "query.jpg").write_bytes(server.pictures["2.jpg"])
    found = vitrine_here(
        "search", tmp_path / "query.jpg", "--data-dir", data_dir, "--filter", "Tags:wool", "--json"
    )
    assert [hit["product_id"] for hit in json.loads(found.stdout)["results"]] == ["scarf"], (
        found.stderr
    )


def test_a_merchant_feed_is_indexed_and_again_is_unchanged(
    server: Pictures, tmp_path: Path, data_dir: Path
) -> None:
    source = tmp_path / "feed.txt"
    source.write_text(
        "id\ttitle\tlink\timage_link\tadditional_image_link\tprice\n"
        f"t-1\tMug\thttps://l.example/1\t{server.url('3.jpg')}\t"
        f"{server.url('1.jpg')},{server.url('2.jpg')}\t12.50 EUR\n"
    )
    report = reindexed(source, data_dir)
    assert (report["end"], report["products"], report["embedded"]) == ("promoted", 1, 3)
    with examining(Settings(data_dir=data_dir)) as (store, _):
        mug = store.get_many(["t-1"])["t-1"].product
        assert pictures(store, server, "t-1") == ["3.jpg", "1.jpg", "2.jpg"]
    assert (mug.price, mug.currency, mug.url) == (12.5, "EUR", "https://l.example/1")
    assert reindexed(source, data_dir, "--format", "merchant")["end"] == "unchanged"


def test_a_picture_in_cloud_storage_is_a_failure_that_says_so(
    server: Pictures, tmp_path: Path, data_dir: Path
) -> None:
    source = tmp_path / "import.csv"
    source.write_text(
        f'{server.url("0.jpg")},,spring,bag,apparel-v2,Tan bag,"style=women,color=tan",\n'
        "gs://larkspur/bag.jpg,,spring,bag,apparel-v2,,,\n"
        f"{server.url('4.jpg')},,spring,shoe,apparel-v2,,,\n"
    )
    done = vitrine_here("reindex", source, "--data-dir", data_dir, "--max-failed", "50%")
    assert done.returncode == 0, done.stderr
    assert "failed: bag (gs://larkspur/bag.jpg): gs:// cannot be downloaded" in done.stderr
    (failure,) = pq.read_table(data_dir / "receipts/run-000001-failures.parquet").to_pylist()
    assert (failure["product_id"], failure["code"]) == ("bag", "fetch_failed")
    with examining(Settings(data_dir=data_dir)) as (store, _):
        bag = store.get_many(["bag"])["bag"].product
        assert pictures(store, server, "bag") == ["0.jpg"]
    assert (bag.title, bag.attributes["style"]) == ("Tan bag", "women")
    refused = vitrine_here("reindex", source, "--data-dir", data_dir)
    assert refused.returncode == 1


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        ("id,title,link,image_link,price\n1,A,u,1.jpg,cheap\n", (), "price 'cheap' is no price"),
        ("Handle,Title,Option1 Name\na,A,Size\n", (), "no column for image"),
        ("a.jpg,,s,p\n", ("--format", "google"), "at least 5: image-uri"),
        ("a.jpg,,s,p\n", ("--format", "amazon"), "'google', 'merchant'"),
    ],
)
def test_a_bad_file_ends_with_one_line_and_status_2(
    tmp_path: Path, data_dir: Path, text: str, options: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "feed.csv").write_text(text)
    done = vitrine_here("reindex", tmp_path / "feed.csv", "--data-dir", data_dir, *options)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
