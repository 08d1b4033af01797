"""A catalogue that was indexed before: what is not done again, and what a dry run says of it."""

from datetime import UTC, datetime

import pytest

from service.core.errors import CatalogSourceError, IndexRefusedError
from service.core.index_choice import IndexChoice
from service.core.receipts import RunEnd
from service.core.store import Write
from service.core.types import CatalogRow, ImageRef, Product
from service.pipeline.gate import GateOptions
from service.pipeline.preparing import CHUNK_ROWS, ThumbnailPolicy
from service.pipeline.reindex import ReindexOptions
from support.fakes import FakeEncoder
from support.shops import BROKEN, LENIENT, Shop, counts, digests, picture, row

MONDAY, TUESDAY, FRIDAY = (datetime(2024, 5, day, tzinfo=UTC) for day in (6, 7, 10))
SINCE_TUESDAY = ReindexOptions(since=TUESDAY)
DRY = ReindexOptions(dry_run=True)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def url_of(number: int) -> str:
    return f"https://shop.example/{number}.png"


def at_url(product: str, number: int, updated_at: datetime | None = None) -> CatalogRow:
    return row(product, ImageRef(url=url_of(number)), updated_at)


# Nothing changed


def test_nothing_changed_builds_nothing(shop: Shop) -> None:
    rows = [row(f"p{i}", i % 7) for i in range(20)]
    first = shop.run(rows)
    again = shop.run(rows)
    assert (first.end, again.end) == (RunEnd.PROMOTED, RunEnd.UNCHANGED)
    assert counts(again) == {"products": 20, "seen": 20, "reused": 20}
    assert again.version == first.version == shop.snapshots.current()
    assert list(shop.snapshots.versions) == [first.version]
    assert again.receipt.coverage == 1.0
    assert shop.records.reports[-1] == again


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.store.write([Write("x", Product("x"))], shop.encoder.bundle_digest, {}),
        lambda shop: shop.snapshots.damaged.add(1),
        lambda shop: setattr(shop, "encoder", FakeEncoder(seed=1)),
    ],
    ids=["a live write", "a damaged version", "another model"],
)
def test_another_is_built_where_the_one_that_serves_is_not_right(shop: Shop, change) -> None:  # type: ignore[no-untyped-def]
    rows = [row("a", 1), row("b", 2)]
    shop.run(rows)
    change(shop)
    assert shop.run(rows).end is RunEnd.PROMOTED
    assert shop.snapshots.current() == 2


@pytest.mark.parametrize("choice", [IndexChoice("hnsw"), IndexChoice(target_recall=0.9)])
def test_another_is_built_where_another_index_is_asked_for(shop: Shop, choice: IndexChoice) -> None:
    rows = [row("a", 1), row("b", 2)]
    shop.run(rows)
    options = ReindexOptions(index=choice)
    assert shop.run(rows, options).end is RunEnd.PROMOTED
    assert shop.run(rows, options).end is RunEnd.UNCHANGED


def test_a_refused_snapshot_is_reported_with_its_version(shop: Shop) -> None:
    rows = [row("a", 1), row("b", None), row("c", None)]
    with pytest.raises(IndexRefusedError) as refused:
        shop.run(rows, ReindexOptions(gate=GateOptions(min_coverage=0.9)))
    report = shop.records.reports[-1]
    assert (report.end, report.version, report.why) == (RunEnd.REFUSED, 1, str(refused.value))
    assert shop.run(rows, LENIENT).end is RunEnd.PROMOTED, "what was refused does not serve"


def test_what_serves_is_asked_to_pass_too(shop: Shop) -> None:
    """Where the limits are stricter by now, another is built, and refused with its reason."""
    rows = [row("a", 1), row("b", None)]
    shop.run(rows, LENIENT)
    assert shop.run(rows).end is RunEnd.UNCHANGED
    with pytest.raises(IndexRefusedError, match="coverage"):
        shop.run(rows, ReindexOptions(gate=GateOptions(min_coverage=0.9)))
    assert shop.snapshots.current() == 1


def test_coverage_is_the_share_of_products_with_a_vector(shop: Shop) -> None:
    report = shop.run([row("a", 1), row("b", 2), row("c", None), row("d", BROKEN)], LENIENT)
    assert report.receipt.coverage == 0.5


# Behind URLs


def test_a_picture_that_did_not_change_is_not_sent_again(shop: Shop) -> None:
    shop.fetcher.validators = True
    shop.fetcher.pages = {url_of(n): picture(n) for n in range(3)}
    rows = [at_url(f"p{n}", n) for n in range(3)]
    shop.run(rows)
    shop.fetcher.sent.clear()
    assert counts(shop.run(rows)) == {"products": 3, "seen": 3, "reused": 3}
    assert shop.fetcher.sent == []
    shop.fetcher.pages[url_of(1)] = picture(7)
    assert counts(shop.run(rows)) == {
        "products": 3,
        "changed": 1,
        "seen": 3,
        "embedded": 1,
        "reused": 2,
    }
    assert shop.fetcher.sent == [url_of(1)]
    assert shop.images() == {"p0": digests(0), "p1": digests(7), "p2": digests(2)}


def test_a_picture_without_validators_comes_every_time(shop: Shop) -> None:
    shop.fetcher.pages = {url_of(1): picture(1)}
    for _ in range(2):
        shop.run([at_url("a", 1)])
    assert shop.fetcher.sent == [url_of(1)] * 2
    assert shop.store.downloads([url_of(1)]) == {}


def test_another_model_needs_the_bytes_again(shop: Shop) -> None:
    shop.fetcher.validators = True
    shop.fetcher.pages = {url_of(1): picture(1)}
    shop.run([at_url("a", 1)])
    shop.encoder = FakeEncoder(seed=1)
    assert shop.run([at_url("a", 1)]).receipt.embedded == 1
    assert shop.fetcher.sent == [url_of(1)] * 2


def test_a_small_copy_that_is_lacking_needs_the_bytes_again(shop: Shop) -> None:
    shop.fetcher.validators = True
    shop.fetcher.pages = {url_of(1): picture(1)}
    shop.run([at_url("a", 1)])
    for _ in range(2):
        shop.run([at_url("a", 1)], ReindexOptions(thumbnails=ThumbnailPolicy.ON))
    assert set(shop.thumbnails.kept) == set(digests(1))
    assert shop.fetcher.sent == [url_of(1)] * 2


def test_a_url_that_several_rows_share_is_asked_for_once_a_chunk(shop: Shop) -> None:
    shop.fetcher.pages = {url_of(1): picture(1)}
    report = shop.run([at_url(f"p{i}", 1) for i in range(10)])
    assert shop.fetcher.fetched == [url_of(1)]
    assert (report.receipt.embedded, report.receipt.reused) == (1, 9)
    assert set(shop.images().values()) == {digests(1)}


# Since


def test_older_rows_are_seen_and_not_looked_at(shop: Shop) -> None:
    shop.fetcher.pages = {url_of(n): picture(n) for n in range(4)}
    shop.run([at_url("old", 0), at_url("older", 1), at_url("new", 2)])
    shop.fetcher.fetched.clear()
    rows = [at_url("old", 3, MONDAY), at_url("older", 1, MONDAY), at_url("new", 3, TUESDAY)]
    assert counts(shop.run(rows, SINCE_TUESDAY)) == {
        "products": 3,
        "changed": 1,
        "seen": 3,
        "embedded": 1,
        "reused": 2,
    }
    assert shop.fetcher.fetched == [url_of(3)]
    assert shop.images() == {"old": digests(0), "older": digests(1), "new": digests(3)}


def test_older_rows_are_not_missing(shop: Shop) -> None:
    shop.run([row("old", 1), row("gone", 2)])
    options = ReindexOptions(since=TUESDAY, delete_missing=True)
    report = shop.run([row("old", 1, MONDAY)], options)
    assert (report.receipt.removed, list(shop.images())) == (1, ["old"])


def test_older_rows_that_the_store_lacks_are_read_all_the_same(shop: Shop) -> None:
    """A product that was put on sale late, and one whose pictures failed."""
    shop.run([row("a", 1), row("failed", BROKEN)], LENIENT)
    rows = [row("a", 1, MONDAY), row("failed", 2, MONDAY), row("late", 3, MONDAY)]
    assert shop.run(rows, SINCE_TUESDAY).receipt.embedded == 2
    assert shop.images() == {"a": digests(1), "failed": digests(2), "late": digests(3)}


def test_older_rows_that_another_model_embedded_are_read_all_the_same(shop: Shop) -> None:
    rows = [row("a", 1, MONDAY), row("b", 2, MONDAY)]
    shop.run(rows)
    shop.encoder = FakeEncoder(seed=1)
    assert shop.run(rows, SINCE_TUESDAY).receipt.embedded == 2
    assert len(shop.indexed()) == 2


def test_rows_without_a_time_are_looked_at(shop: Shop) -> None:
    shop.run([row("a", 1), row("b", 2)])
    shop.run([row("a", 3, None), row("b", 4, MONDAY)], SINCE_TUESDAY)
    assert shop.images() == {"a": digests(3), "b": digests(2)}


def test_older_products_keep_all_they_have(shop: Shop) -> None:
    first = Product("a", title="as it was")
    shop.run([row(first, 1), row(first, 2)])
    shop.run([row(Product("a", title="ignored"), 3, MONDAY), row("b", 4, FRIDAY)], SINCE_TUESDAY)
    assert shop.images()["a"] == digests(1, 2)
    assert shop.store.get_many(["a"])["a"].product == first


def test_since_needs_a_source_that_says_when(shop: Shop) -> None:
    with pytest.raises(CatalogSourceError, match="--map updated_at=COLUMN"):
        shop.run([row("a", 1)], SINCE_TUESDAY)
    assert shop.images() == {}


# Dry runs


def test_a_dry_run_tells_what_a_run_does_and_writes_nothing(shop: Shop) -> None:
    shop.fetcher.validators = True
    shop.fetcher.pages = {url_of(1): picture(1), url_of(2): picture(2)}
    shop.run([row("same", 5), row("price", 6), at_url("picture", 1), row("gone", 8)])
    before = shop.store.state.copy()
    shop.encoder.batches.clear()
    kept = dict(shop.thumbnails.kept)
    rows = [
        row("same", 5),
        row(Product("price", price=2.0), 6),
        at_url("picture", 2),
        row("new", 9),
        row("new too", 9),
        row("broken", BROKEN),
    ]
    expected = {
        "products": 6,
        "new": 3,
        "changed": 2,
        "removed": 1,
        "seen": 6,
        "embedded": 2,
        "reused": 3,
        "failed": 1,
    }
    dry = shop.run(rows, ReindexOptions(dry_run=True, delete_missing=True, max_failed=1))
    assert counts(dry) == expected
    assert (dry.end, dry.version, dry.receipt.coverage) == (RunEnd.DRY, None, None)
    assert [failure.product_id for failure in dry.failures] == ["broken"]
    assert shop.store.state == before
    assert (shop.encoder.batches, shop.thumbnails.kept) == ([], kept)
    assert list(shop.snapshots.versions) == [1]
    wet = shop.run(rows, ReindexOptions(delete_missing=True, max_failed=1))
    assert counts(wet) == expected


def test_a_dry_run_counts_a_new_picture_once_however_far_apart(shop: Shop) -> None:
    between = [row(f"p{i}", 10 + i % 7) for i in range(5 * CHUNK_ROWS)]
    rows = [row("a", 1), *between, row("b", 1)]
    dry = shop.run(rows, DRY)
    assert (dry.receipt.embedded, dry.receipt.reused) == (8, len(rows) - 8)


def test_a_dry_run_says_that_a_run_would_be_refused(shop: Shop) -> None:
    report = shop.run([row("a", 1), row("b", BROKEN)], DRY)
    assert "1 of 2 pictures failed" in report.why
    assert report.why.endswith("A run would end here, and promote nothing")
    assert counts(report) == {"products": 2, "new": 2, "seen": 2, "embedded": 1, "failed": 1}
    assert shop.images() == {}


# Memory


def test_no_more_than_a_hundred_failures_are_held(shop: Shop) -> None:
    report = shop.run([row(f"p{i}", BROKEN) for i in range(250)] + [row("ok", 1)], LENIENT)
    assert (report.receipt.failed, len(report.failures)) == (250, 100)
    assert [f.product_id for f in shop.records.failures] == [f"p{i}" for i in range(250)]
