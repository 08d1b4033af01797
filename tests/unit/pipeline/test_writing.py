"""The write flow over fakes: what is embedded, what is kept, what fails alone."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from service.core.errors import (
    AbandonedError,
    CorruptImageError,
    DeadlineExceededError,
    FetchError,
    IndexUnavailableError,
    InvalidQueryError,
    ProductNotFoundError,
    RevisionError,
    StoreError,
    UnsupportedImageError,
)
from service.core.image import ImageLimits
from service.core.keys import image_digest
from service.core.product_patch import ProductPatch
from service.core.store import Write, WriteResult, Written
from service.core.types import Pixels, Product, Vectors
from service.pipeline.batching import Batcher
from service.pipeline.live_index import LiveIndex
from service.pipeline.pictures import Picture, PictureMaker
from service.pipeline.terms import Terms
from service.pipeline.writing import ABSENT, EXISTING, Delete, Patch, Put, Writing
from support.fake_store import FakeProductStore
from support.fakes import FakeEncoder, FakeFetcher, FakeSnapshots, FakeThumbnails
from support.pictures import encoded, photo

URL = "https://shop.example/a.png"


def data(seed: int) -> bytes:
    return encoded(photo(60, 40, seed=seed), "PNG")


def pictures(*seeds: int) -> tuple[Picture, ...]:
    return tuple(Picture(data=data(seed)) for seed in seeds)


def ids(*seeds: int) -> tuple[str, ...]:
    return tuple(image_digest(data(seed)) for seed in seeds)


class Store(FakeProductStore):
    """Notes how many writes came at once, and lets others write or itself fail in between."""

    def __init__(self, thumbnails: FakeThumbnails) -> None:
        super().__init__()
        self.thumbnails = thumbnails
        self.transactions: list[int] = []
        self.before: list[Write] = []
        self.fails = False
        self.begun = Event()

    def write(
        self,
        writes: Sequence[Write],
        bundle_digest: str,
        vectors: Mapping[str, NDArray[np.float32]],
    ) -> list[WriteResult]:
        if self.fails:
            raise StoreError("disk full")
        if self.before:
            super().write([self.before.pop(0)], bundle_digest, {})
        shown = vectors.keys() - {WEB}
        assert self.thumbnails.having(shown) == shown
        self.transactions.append(len(writes))
        self.begun.set()
        return super().write(writes, bundle_digest, vectors)


WEB = image_digest(data(90))


@dataclass
class Shop:
    """A write flow and what it is made of."""

    writing: Writing
    encoder: FakeEncoder
    store: Store
    thumbnails: FakeThumbnails
    fetcher: FakeFetcher
    live: LiveIndex

    def found(self, seed: int) -> str:
        snapshot = self.live.snapshot()
        vector = self.store.state.embeddings[ids(seed)[0], self.encoder.bundle_digest]
        _, (rows,) = snapshot.index.search(vector[None], 1)
        return snapshot.product_ids[rows[0]]


@pytest.fixture
def shop() -> Iterator[Shop]:
    encoder, thumbnails = FakeEncoder(), FakeThumbnails()
    store, fetcher = Store(thumbnails), FakeFetcher({URL: data(90)})
    live = LiveIndex(FakeSnapshots(), store, encoder.manifest)
    with ThreadPoolExecutor(2) as pool:
        maker = PictureMaker(
            encoder, Batcher(encoder), store, thumbnails, ImageLimits(), pool, fetcher
        )
        writing = Writing(maker, store, thumbnails, live, encoder.bundle_digest)
        yield Shop(writing, encoder, store, thumbnails, fetcher, live)


def test_what_is_answered_is_kept_and_found(shop: Shop) -> None:
    with pytest.raises(IndexUnavailableError):
        shop.live.snapshot()

    written = shop.writing.one(Put(Product("a", title="A"), pictures(1, 2)))

    assert written.created
    assert written.stored == shop.store.get_many(["a"])["a"]
    assert written.stored.image_ids == ids(1, 2)
    assert (shop.found(1), shop.found(2)) == ("a", "a")
    assert set(shop.thumbnails.kept) == set(ids(1, 2))


def test_a_picture_is_embedded_once_whoever_brings_it(shop: Shop) -> None:
    shop.writing.batch(
        [Put(Product("a"), pictures(1, 1)), Put(Product("b"), pictures(1)), Delete("none")]
    )
    shop.writing.one(Put(Product("c"), pictures(1)))
    shop.writing.one(Put(Product("d"), (Picture(image_id=ids(1)[0]),)))

    assert sum(shop.encoder.batches) == 1
    stored = shop.store.get_many(list("abcd"))
    assert {id_: stored[id_].image_ids for id_ in stored} == dict.fromkeys("abcd", ids(1))


def test_a_change_of_fields_touches_no_encoder(shop: Shop) -> None:
    shop.writing.one(Put(Product("a", price=1.0), pictures(1)))
    before = list(shop.encoder.batches)

    written = shop.writing.one(Patch("a", ProductPatch(fields={"price": 2.0})))

    assert written.stored is not None
    assert written.stored.product == Product("a", price=2.0)
    assert written.stored.image_ids == ids(1)
    assert shop.encoder.batches == before


def test_a_bad_picture_fails_its_own_operation_and_says_which(shop: Shop) -> None:
    bad = Picture(data=data(2)[:200])
    known = Picture(image_id="0" * 64)
    good, broken, text, unknown, gone = shop.writing.batch(
        [
            Put(Product("good"), pictures(1)),
            Put(Product("broken"), (*pictures(1), bad)),
            Put(Product("text"), (Picture(data=b"text"),)),
            Put(Product("unknown"), (known,)),
            Put(Product("gone"), (Picture(url="https://shop.example/none"),)),
        ]
    )

    assert isinstance(good, Written)
    assert isinstance(broken, CorruptImageError)
    assert str(broken).startswith("images.1: ")
    assert isinstance(text, UnsupportedImageError)
    assert isinstance(unknown, InvalidQueryError)
    assert isinstance(gone, FetchError)
    assert str(gone) == "images.0: HTTP 404"
    assert [p.product.id for p in shop.store.list_products(9)] == ["good"]


def test_the_urls_of_one_write_have_a_time_together_and_those_of_a_bulk_have_not(
    shop: Shop,
) -> None:
    urls = [f"https://shop.example/{n}" for n in range(4)]
    shop.fetcher.pages = dict.fromkeys(urls, data(90))
    hurried = replace(shop.writing, pictures=replace(shop.writing.pictures, fetch_seconds=0.0))
    linked = tuple(Picture(url=url) for url in urls)
    with pytest.raises(FetchError, match="not begun"):
        hurried.one(Put(Product("a"), linked))
    (done,) = hurried.batch([Put(Product("a"), linked)])
    assert isinstance(done, Written)


def test_a_picture_behind_a_url_is_fetched_and_no_copy_kept(shop: Shop) -> None:
    written = shop.writing.one(Put(Product("a"), (Picture(url=URL),)))

    assert written.stored is not None
    assert written.stored.image_ids == (WEB,)
    assert shop.thumbnails.kept == {}


def test_a_product_keeps_a_picture_that_this_model_never_saw(shop: Shop) -> None:
    old = "f" * 64
    shop.store.write([Write("a", Product("a"), (old,))], "another model", {})

    written = shop.writing.one(Put(Product("a", title="new"), (Picture(image_id=old),)))

    assert written.stored is not None
    assert written.stored.image_ids == (old,)


def test_a_batch_is_one_transaction_until_a_product_comes_up_again(shop: Shop) -> None:
    outcomes = shop.writing.batch(
        [
            Put(Product("a", title="1")),
            Put(Product("b")),
            Patch("a", ProductPatch(fields={"brand": "2"})),
            Delete("b"),
            Delete("b"),
            Put(Product("b", title="again")),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [
        Written, Written, Written, Written, ProductNotFoundError, Written,
    ]  # fmt: skip
    assert shop.store.transactions == [2, 2, 1, 1]
    stored = shop.store.get_many(["a", "b"])
    assert stored["a"].product == Product("a", title="1", brand="2")
    assert stored["b"].product == Product("b", title="again")


def test_expectations(shop: Shop) -> None:
    first = shop.writing.one(Put(Product("a"), expected=ABSENT)).revision

    for operation in (
        Put(Product("a"), expected=ABSENT),
        Put(Product("a"), expected=first + 5),
        Patch("a", ProductPatch(), expected=first + 5),
        Delete("a", expected=first + 5),
        Put(Product("none"), expected=EXISTING),
    ):
        with pytest.raises(RevisionError):
            shop.writing.one(operation)
    second = shop.writing.one(Patch("a", ProductPatch(), expected=first)).revision
    assert shop.writing.one(Put(Product("a"), expected=EXISTING)).revision > second
    for missing in (Patch("none", ProductPatch(), expected=3), Delete("none", expected=EXISTING)):
        with pytest.raises(ProductNotFoundError):
            shop.writing.one(missing)
    shop.writing.one(Delete("a", expected=EXISTING))


def test_a_patch_is_made_again_where_someone_wrote_in_between(shop: Shop) -> None:
    shop.writing.one(Put(Product("a", title="1", brand="1")))
    shop.store.before = [Write("a", Product("a", title="1", brand="theirs")) for _ in range(3)]

    written = shop.writing.one(Patch("a", ProductPatch(fields={"title": "ours"})))

    assert written.stored is not None
    assert written.stored.product == Product("a", title="ours", brand="theirs")


def test_a_patch_of_a_known_revision_is_not_made_again(shop: Shop) -> None:
    revision = shop.writing.one(Put(Product("a", title="1"))).revision
    shop.store.before = [Write("a", Product("a", title="theirs"))]

    with pytest.raises(RevisionError):
        shop.writing.one(Patch("a", ProductPatch(fields={"title": "ours"}), expected=revision))


def test_a_patch_that_never_gets_its_turn_gives_up(shop: Shop) -> None:
    shop.writing.one(Put(Product("a")))
    shop.store.before = [Write("a", Product("a")) for _ in range(100)]

    with pytest.raises(RevisionError):
        shop.writing.one(Patch("a", ProductPatch()))
    assert len(shop.store.before) > 50


def test_a_store_that_refuses_is_an_error(shop: Shop) -> None:
    shop.store.fails = True

    with pytest.raises(StoreError, match="disk full"):
        shop.writing.one(Put(Product("a"), pictures(1)))


@pytest.mark.parametrize(
    "operation",
    [Put(Product("a", title="late"), pictures(2)), Patch("a", ProductPatch()), Delete("a")],
)
def test_what_comes_too_late_is_neither_embedded_nor_written(
    shop: Shop, operation: Put | Patch | Delete
) -> None:
    shop.writing.one(Put(Product("a", title="held"), pictures(1)))
    runs = list(shop.encoder.batches)

    with pytest.raises(DeadlineExceededError, match="X-Timeout-Ms"):
        shop.writing.one(operation, Terms(deadline=0.0))

    assert shop.encoder.batches == runs
    assert shop.store.transactions == [1]
    assert shop.store.get_many(["a"])["a"].product.title == "held"
    assert set(shop.thumbnails.kept) == set(ids(1))


def test_what_is_of_no_use_once_it_is_embedded_is_not_written(shop: Shop) -> None:
    gone = Event()

    class Last(FakeEncoder):
        def encode(self, images: Pixels) -> Vectors:
            gone.set()
            return super().encode(images)

    maker = replace(shop.writing.pictures, batcher=Batcher(Last()))
    with pytest.raises(AbandonedError):
        replace(shop.writing, pictures=maker).one(Put(Product("a"), pictures(1)), Terms(gone=gone))

    assert gone.is_set()
    assert shop.store.transactions == []


def test_what_began_in_time_is_done_whole(shop: Shop) -> None:
    twice = [Put(Product("a", title="1")), Patch("a", ProductPatch(fields={"title": "2"}))]

    outcomes = shop.writing.batch(twice, Terms(gone=shop.store.begun))

    assert shop.store.begun.is_set(), "it was of no use from the first transaction on"
    assert shop.store.transactions == [1, 1]
    assert all(isinstance(each, Written) for each in outcomes)
    assert shop.store.get_many(["a"])["a"].product.title == "2"
