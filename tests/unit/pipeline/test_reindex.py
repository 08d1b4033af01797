"""The catalogue flow: what is embedded, kept, dropped and put in service."""

import threading
from collections.abc import Collection
from pathlib import Path

import pytest

from service.core.errors import CatalogSourceError, ReindexFailedError, StoreError
from service.core.receipts import RunEnd
from service.core.types import CatalogRow, ImageRef, Pixels, Product, Vectors
from service.pipeline import intake, preparing
from service.pipeline.preparing import ThumbnailPolicy
from service.pipeline.reindex import ReindexOptions
from support.fake_store import FakeProductStore
from support.fakes import FakeEncoder, FakeSnapshots, FakeSource, FakeThumbnails
from support.shops import BROKEN, LENIENT, Shop, counts, digests, picture, row


@pytest.fixture
def shop() -> Shop:
    return Shop()


# Counting


def test_a_first_run_embeds_everything_and_serves_it(shop: Shop) -> None:
    report = shop.run(row(f"p{i}", i) for i in range(70))
    assert counts(report) == {"products": 70, "new": 70, "seen": 70, "embedded": 70}
    assert sum(shop.encoder.batches) == 70
    assert max(shop.encoder.batches) == intake.BATCH
    assert shop.snapshots.current() == report.version
    assert shop.indexed() == [(f"p{i}", *digests(i)) for i in range(70)]


def test_the_same_again_embeds_nothing(shop: Shop) -> None:
    rows = [row(f"p{i}", i) for i in range(40)]
    shop.run(rows)
    shop.encoder.batches.clear()
    assert counts(shop.run(rows)) == {"products": 40, "seen": 40, "reused": 40}
    assert shop.encoder.batches == []
    assert len(shop.indexed()) == 40


def test_vectors_are_the_encoder_s_own(shop: Shop) -> None:
    """However a batch was put together, each picture gets its own vector."""
    report = shop.run(row(f"p{i}", i) for i in range(50))
    fresh = Shop()
    for i in (0, 31, 32, 49):
        alone = fresh.serving(fresh.run([row("x", i)]))
        similarities, found = shop.serving(report).index.search(alone.vectors.take([0]), 1)
        assert shop.serving(report).product_ids[found[0, 0]] == f"p{i}"
        assert similarities[0, 0] == pytest.approx(1, abs=1e-5)
        assert len(alone.index) == 1, "the picture before was replaced"


def test_rows_that_share_an_id_are_one_product_wherever_they_are(shop: Shop) -> None:
    first = Product("a", title="first row wins")
    rows = [row(first, 1), row("b", 2), row("a", 3), row("c", 4), row("a", 5)]
    assert counts(shop.run(rows)) == {"products": 3, "new": 3, "seen": 5, "embedded": 5}
    assert shop.images() == {"a": digests(1, 3, 5), "b": digests(2), "c": digests(4)}
    assert shop.store.get_many(["a"])["a"].product == first


@pytest.mark.parametrize("apart", [0, 5, 300])
def test_a_picture_under_two_products_is_embedded_once(shop: Shop, apart: int) -> None:
    """Also where the other is in the same batch, a later batch, or beyond the window."""
    between = [row(f"p{i}", 10 + i % 7) for i in range(apart)]
    report = shop.run([row("a", 1), *between, row("b", 1)])
    distinct = 1 + min(apart, 7)
    assert sum(shop.encoder.batches) == report.receipt.embedded == distinct
    assert report.receipt.reused == apart + 2 - distinct
    assert {product for product, image in shop.indexed() if (image,) == digests(1)} == {"a", "b"}


def test_a_picture_decoded_while_its_twin_is_on_its_way_is_embedded_once(shop: Shop) -> None:
    """Two chunks are looked up before the first batch is kept; the second is known already."""
    looked = threading.Semaphore(0)

    class Watched(FakeProductStore):
        def embedded(self, image_ids: Collection[str], bundle_digest: str) -> set[str]:
            found = super().embedded(image_ids, bundle_digest)
            ahead = threading.current_thread().name.startswith("prepare")
            if ahead and set(digests(1)) <= set(image_ids):
                looked.release()
            return found

    class Patient(FakeEncoder):
        def encode(self, images: Pixels) -> Vectors:
            if not self.batches:
                for _ in "ab":
                    assert looked.acquire(timeout=20)
            return super().encode(images)

    shop.store, shop.encoder = Watched(), Patient()
    report = shop.run([row("a", 1), *(row(f"p{i}", 10 + i) for i in range(70)), row("b", 1)])
    assert (report.receipt.embedded, report.receipt.reused) == (71, 1)
    assert sum(shop.encoder.batches) == 71


def test_a_product_without_pictures_is_kept_and_not_seen(shop: Shop) -> None:
    assert counts(shop.run([row("a", 1), row("b", None)])) == {
        "products": 2,
        "new": 2,
        "seen": 1,
        "embedded": 1,
    }
    assert shop.images() == {"a": digests(1), "b": ()}


def test_progress_counts_every_row(shop: Shop) -> None:
    source, done = FakeSource(row(f"p{i % 9}", i % 5) for i in range(200)), []
    shop.flow().run(source, ReindexOptions(), done.append)
    assert sum(done) == 200


# Changes


def test_a_price_change_re_embeds_nothing(shop: Shop) -> None:
    shop.run([row(Product("a", price=1.0), 1)])
    shop.encoder.batches.clear()
    assert counts(shop.run([row(Product("a", price=2.0), 1)])) == {
        "products": 1,
        "changed": 1,
        "seen": 1,
        "reused": 1,
    }
    assert shop.encoder.batches == []
    assert shop.store.get_many(["a"])["a"].product.price == 2.0


def test_another_model_embeds_everything_anew(shop: Shop) -> None:
    rows = [row("a", 1), row("b", 2)]
    shop.run(rows)
    shop.encoder = FakeEncoder(seed=1)
    assert counts(shop.run(rows)) == {"products": 2, "seen": 2, "embedded": 2}
    shop.encoder = FakeEncoder()
    assert counts(shop.run(rows)) == {"products": 2, "seen": 2, "reused": 2}


def test_replaced_pictures_are_dropped(shop: Shop) -> None:
    shop.run([row("a", 1), row("a", 2), row("b", 3)])
    shop.run([row("a", 2), row("a", 4)])
    assert shop.images() == {"a": digests(2, 4), "b": digests(3)}
    assert sorted(shop.indexed()) == sorted(
        [("a", *digests(2)), ("a", *digests(4)), ("b", *digests(3))]
    )


def test_a_product_whose_pictures_all_fail_keeps_the_old_ones(shop: Shop) -> None:
    shop.run([row("a", 1), row("a", 2), row("b", 3)])
    report = shop.run([row("a", BROKEN), row("a", b"text"), row("b", 4)], LENIENT)
    assert shop.images() == {"a": digests(1, 2), "b": digests(4)}
    assert ("a", *digests(1)) in shop.indexed()
    assert report.receipt.failed == 2


def test_a_product_of_which_a_picture_fails_loses_none(shop: Shop) -> None:
    shop.run([row("a", 1), row("a", 2), row("b", 3)])
    shop.run([row("a", BROKEN), row("a", 4), row("b", 5)], LENIENT)
    assert set(shop.images()["a"]) == set(digests(1, 2, 4))
    assert shop.images()["b"] == digests(5)


def test_missing_products_stay_until_asked_to_go(shop: Shop) -> None:
    shop.run([row("a", 1), row("b", 2), row("c", 3)])
    shop.run([row("b", 2)])
    assert set(shop.images()) == {"a", "b", "c"}
    report = shop.run([row("b", 2)], ReindexOptions(delete_missing=True))
    assert (report.receipt.removed, report.receipt.changed) == (2, 0)
    assert shop.indexed() == [("b", *digests(2))]


# Failures


def test_each_failure_is_named_with_its_code(shop: Shop, tmp_path: Path) -> None:
    gone = tmp_path / "gone.jpg"
    rows = [
        row("ok", 1),
        row("text", b"text"),
        row("broken", BROKEN),
        row("gone", ImageRef(path=gone)),
        row("url", ImageRef(url="https://shop.example/x.jpg")),
        row("folder", ImageRef(path=tmp_path)),
    ]
    report = shop.run(rows, LENIENT)
    assert [(f.product_id, f.code, f.image) for f in report.failures] == [
        ("text", "unsupported_image", "embedded bytes"),
        ("broken", "corrupt_image", "embedded bytes"),
        ("gone", "corrupt_image", str(gone)),
        ("url", "fetch_failed", "https://shop.example/x.jpg"),
        ("folder", "corrupt_image", str(tmp_path)),
    ]
    assert "No such file" in report.failures[2].reason
    assert counts(report) == {
        "products": 6,
        "new": 6,
        "seen": 6,
        "embedded": 1,
        "failed": 5,
    }


def test_pictures_come_from_files_and_urls_too(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(picture(1))
    shop.fetcher.pages["https://shop.example/2.png"] = picture(2)
    shop.run(
        [
            row("a", ImageRef(path=tmp_path / "1.png")),
            row("b", ImageRef(url="https://shop.example/2.png")),
        ]
    )
    assert shop.images() == {"a": digests(1), "b": digests(2)}


def test_too_many_failures_leave_the_index_and_keep_the_work(shop: Shop) -> None:
    shop.run([row("a", 1)])
    rows = [*(row(f"p{i}", 10 + i) for i in range(8)), row("x", BROKEN), row("y", BROKEN)]
    with pytest.raises(ReindexFailedError, match="2 of 10 pictures failed") as refused:
        shop.run(rows, ReindexOptions(max_failed=0.19))
    assert [f.product_id for f in refused.value.failures] == ["x", "y"]
    refusal = shop.records.reports[-1]
    assert refusal.end is RunEnd.REFUSED
    assert (refusal.why, refusal.version) == (str(refused.value), None)
    assert counts(refusal) == {
        "products": 10,
        "new": 10,
        "seen": 10,
        "embedded": 8,
        "failed": 2,
    }
    assert [f.product_id for f in shop.records.failures] == ["x", "y"]
    assert shop.snapshots.current() == 1
    assert list(shop.snapshots.versions) == [1]
    again = shop.run(rows, ReindexOptions(max_failed=0.2))
    assert counts(again) == {"products": 10, "seen": 10, "reused": 8, "failed": 2}
    assert shop.snapshots.current() == 2


def test_a_failed_run_removes_nothing(shop: Shop) -> None:
    shop.run([row("a", 1), row("b", 2)])
    with pytest.raises(ReindexFailedError):
        shop.run([row("a", BROKEN)], ReindexOptions(delete_missing=True))
    assert shop.images() == {"a": digests(1), "b": digests(2)}


def test_a_source_without_pictures_changes_nothing(shop: Shop) -> None:
    shop.run([row("a", 1)])
    options = ReindexOptions(delete_missing=True)
    for rows in ([], [row("b", None)]):
        with pytest.raises(CatalogSourceError, match="no pictures"):
            shop.run(rows, options)
    assert shop.indexed() == [("a", *digests(1))]
    assert "a" in shop.images()


def test_a_source_that_breaks_midway_keeps_what_was_embedded(shop: Shop) -> None:
    class Breaking(FakeSource):
        def rows(self):  # type: ignore[no-untyped-def]
            yield from super().rows()
            raise CatalogSourceError("line 301: not a JSON object")

    rows = [row(f"p{i}", i) for i in range(300)]
    with pytest.raises(CatalogSourceError, match="line 301"):
        shop.flow().run(Breaking(rows), ReindexOptions())
    assert shop.snapshots.current() is None
    kept = sum(shop.encoder.batches)
    assert kept >= 300 - window() - intake.BATCH
    again = shop.run(rows)
    assert (again.receipt.reused, again.receipt.embedded) == (kept, 300 - kept)


def test_an_interrupted_run_takes_back_what_was_not_committed(shop: Shop) -> None:
    class Breaking(FakeEncoder):
        def encode(self, images: Pixels) -> Vectors:
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().encode(images)

    shop.encoder = Breaking()
    rows = [row(f"p{i}", i) for i in range(100)]
    with pytest.raises(KeyboardInterrupt):
        shop.run(rows)
    names = ("prepare", "decode", "read")
    assert not [t for t in threading.enumerate() if t.name.startswith(names)]
    assert len(shop.images()) == 64, "whole batches, nothing in between"
    shop.encoder = FakeEncoder()
    assert counts(shop.run(rows)) == {
        "products": 100,
        "new": 36,
        "seen": 100,
        "embedded": 36,
        "reused": 64,
    }


def test_a_snapshot_that_cannot_be_written_leaves_the_old_serving(shop: Shop) -> None:
    class Full(FakeSnapshots):
        def build(self, *parts):  # type: ignore[no-untyped-def]
            if self.versions:
                raise StoreError("no space left on device")
            return super().build(*parts)

    shop.snapshots = Full()
    shop.run([row("a", 1)])
    with pytest.raises(StoreError):
        shop.run([row("a", 2)])
    assert shop.snapshots.current() == 1


# Thumbnails


URL = "https://shop.example/2.png"


def mixed_rows(shop: Shop) -> list[CatalogRow]:
    shop.fetcher.pages[URL] = picture(2)
    return [row("a", 1), row("b", ImageRef(url=URL))]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (ThumbnailPolicy.AUTO, digests(1)),
        (ThumbnailPolicy.ON, digests(1, 2)),
        (ThumbnailPolicy.OFF, ()),
    ],
)
def test_thumbnails_are_kept_of_what_the_policy_says(
    shop: Shop, policy: ThumbnailPolicy, kept: tuple[str, ...]
) -> None:
    shop.run(mixed_rows(shop), ReindexOptions(thumbnails=policy))
    assert set(shop.thumbnails.kept) == set(kept)
    assert len(shop.indexed()) == 2


def test_thumbnails_turned_on_later_embed_nothing(shop: Shop) -> None:
    rows = [row(f"p{i}", i) for i in range(80)]
    shop.run(rows, ReindexOptions(thumbnails=ThumbnailPolicy.OFF))
    shop.encoder.batches.clear()
    report = shop.run(rows, ReindexOptions(thumbnails=ThumbnailPolicy.ON))
    assert counts(report) == {"products": 80, "seen": 80, "reused": 80}
    assert shop.encoder.batches == []
    assert set(shop.thumbnails.kept) == set(digests(*range(80)))
    assert len(shop.indexed()) == 80


def test_thumbnails_turned_off_later_stay(shop: Shop) -> None:
    rows = [row("a", 1)]
    shop.run(rows)
    shop.run(rows, ReindexOptions(thumbnails=ThumbnailPolicy.OFF))
    assert set(shop.thumbnails.kept) == set(digests(1))


def test_a_picture_first_seen_behind_a_url_still_gets_its_thumbnail(shop: Shop) -> None:
    shop.fetcher.pages[URL] = picture(1)
    report = shop.run([row("a", ImageRef(url=URL)), row("b", 1)])
    assert set(shop.thumbnails.kept) == set(digests(1))
    assert counts(report) == {"products": 2, "new": 2, "seen": 2, "embedded": 1, "reused": 1}


# Memory


def window() -> int:
    """Rows that are ahead of those taken, at most."""
    return preparing.CHUNKS_AHEAD * preparing.CHUNK_ROWS


def test_rows_are_read_at_most_a_window_ahead(shop: Shop) -> None:
    source = FakeSource(row(f"p{i}", i % 40) for i in range(1000))
    done, furthest = 0, 0

    def progress(rows: int) -> None:
        nonlocal done, furthest
        furthest = max(furthest, source.read - done)
        done += rows

    shop.flow().run(source, ReindexOptions(), progress)
    assert done == 1000
    assert intake.BATCH < furthest <= window() + preparing.CHUNK_ROWS


def test_no_more_than_a_batch_waits_even_where_only_thumbnails_are_made(shop: Shop) -> None:
    class Counting(FakeThumbnails):
        largest = 0

        def put_many(self, thumbnails):  # type: ignore[no-untyped-def]
            self.largest = max(self.largest, len(thumbnails))
            super().put_many(thumbnails)

    rows = [row(f"p{i}", i) for i in range(100)]
    shop.run(rows, ReindexOptions(thumbnails=ThumbnailPolicy.OFF))
    shop.thumbnails = Counting()
    shop.run(rows)
    assert shop.thumbnails.largest == intake.BATCH
    assert len(shop.thumbnails.kept) == 100
