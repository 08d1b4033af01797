"""Writes that come again, to every `ProductStore`: done once, and told as they were."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.adapters.sqlite_store import SqliteStore
from service.core.errors import RequestKeyError, RevisionError
from service.core.idempotency import KEPT_HOURS, RequestKey
from service.core.store import ProductStore, Write, WriteResult, Written
from service.core.types import Product
from support.catalog import BUNDLE, images

KEY, OTHER_BODY = RequestKey("us:1", "d" * 64), RequestKey("us:1", "e" * 64)
A = Product("a", title="Ä", price=2.5, attributes={"sizes": ("S", 1), "new": True})


def write(store: ProductStore, *writes: Write) -> list[WriteResult]:
    return store.write(writes, BUNDLE, {})


def test_a_write_is_done_once_and_told_as_it_was(store: ProductStore) -> None:
    asked = Write("a", A, images("xy"), expected=0, key=KEY)
    (first,) = write(store, asked)
    assert isinstance(first, Written)
    assert first.created
    write(store, Write("a", Product("a", title="Since")))
    sequence = store.sequence()
    assert write(store, asked) == [first]
    assert store.recalled(KEY) == first
    assert store.sequence() == sequence
    assert store.get_many(["a"])["a"].product.title == "Since"


def test_a_delete_is_told_again_though_there_is_nothing_left(store: ProductStore) -> None:
    write(store, Write("a", A))
    asked = Write("a", None, key=KEY)
    (first,) = write(store, asked)
    assert isinstance(first, Written)
    assert first.stored is None
    assert write(store, asked) == [first]


def test_a_key_is_of_one_request(store: ProductStore) -> None:
    (first,) = write(store, Write("a", A, key=KEY))
    (refused, done) = write(
        store, Write("a", Product("a"), key=OTHER_BODY), Write("b", Product("b"))
    )
    assert isinstance(refused, RequestKeyError)
    assert isinstance(done, Written)
    assert store.get_many(["a"])["a"] == first.stored
    with pytest.raises(RequestKeyError):
        store.recalled(OTHER_BODY)


def test_what_was_refused_may_be_tried_again(store: ProductStore) -> None:
    asked = Write("a", A, expected=0, key=KEY)
    write(store, Write("a", Product("a")))
    assert isinstance(write(store, asked)[0], RevisionError)
    assert store.recalled(KEY) is None
    write(store, Write("a", None))
    assert isinstance(write(store, asked)[0], Written)


def test_of_many_at_once_one_is_done(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "catalog.db") for _ in range(2)]
    asked = Write("a", A, expected=0, key=KEY)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: write(stores[i % 2], asked)[0], range(24)))
    assert isinstance(results[0], Written)
    assert results == [results[0]] * 24
    assert stores[0].sequence() == results[0].revision == 1
    for store in stores:
        store.close()


def test_a_day_later_it_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    store = SqliteStore(path)
    (first,) = write(store, Write("a", A, key=KEY))
    write(store, Write("b", Product("b"), key=RequestKey("us:2", "d" * 64)))
    long_ago = datetime.now(UTC) - timedelta(hours=KEPT_HOURS, seconds=1)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE requests SET at = ?", (long_ago.isoformat(timespec="milliseconds"),))
    db.close()
    assert store.recalled(OTHER_BODY) is None
    (again,) = write(store, Write("a", A, key=KEY))
    assert isinstance(first, Written)
    assert isinstance(again, Written)
    assert again.revision > first.revision
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT key FROM requests").fetchall() == [("us:1",)]
    db.close()
    store.close()
