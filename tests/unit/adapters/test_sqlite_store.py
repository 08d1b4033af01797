"""The catalogue's file: it outlives a kill, is brought up from schema 1, grows by changes alone."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from service.adapters.sqlite_rows import now
from service.adapters.sqlite_schema import MIGRATIONS
from service.adapters.sqlite_store import SqliteStore
from service.adapters.sqlite_view import SqliteView
from service.core.errors import StoreError
from service.core.events import Event, EventType
from service.core.store import RunTotals, SeenRow, Write, Written
from service.core.types import Product
from support.catalog import BUNDLE, OTHER, image, images, reindex, rows_of, vectors

SCHEMA_1 = """
CREATE TABLE products (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, category TEXT NOT NULL, brand TEXT NOT NULL, price REAL,
    currency TEXT NOT NULL, availability TEXT NOT NULL, url TEXT NOT NULL,
    attributes TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    run INTEGER NOT NULL
);
CREATE TABLE product_images (
    number INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL,
    image_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    run INTEGER NOT NULL,
    UNIQUE (product_id, image_id)
);
CREATE TABLE bundles (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
CREATE TABLE embeddings (
    bundle INTEGER NOT NULL,
    image_id BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (bundle, image_id)
);
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, began_at TEXT NOT NULL);
PRAGMA user_version=1;
"""
DUMP_OF_SCHEMA_3 = Path(__file__).parents[2] / "support" / "catalog_schema_3.sql"
SHOE = Product("shoe", "Runner", "Shoes", "Ada", 12.5, "EUR", attributes={"sizes": ("S", "M")})
BAG = Product("bag", "Bag")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    opened.close()


def write_schema_1(path: Path) -> None:
    """Two products of a run, one of them with two pictures, and one that was deleted."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA_1)
        shoe = ("shoe", "Runner", "Shoes", "Ada", 12.5, "EUR", "", "", '{"sizes": ["S", "M"]}')
        bag = ("bag", "Bag", "", "", None, "", "", "", "{}")
        for values in (shoe, bag):
            db.execute(
                "INSERT INTO products (id, title, category, brand, price, currency, availability,"
                f" url, attributes, updated_at, run) VALUES ({'?, ' * 9} '2024-05-01', 1)",
                values,
            )
        for product, name, position in (("shoe", "x", 1), ("shoe", "y", 0), ("bag", "x", 0)):
            db.execute(
                "INSERT INTO product_images (product_id, image_id, position, run)"
                " VALUES (?, ?, ?, 1)",
                (product, bytes.fromhex(image(name)), position),
            )
        db.execute("INSERT INTO bundles (digest) VALUES (?)", (BUNDLE,))
        for image_id, vector in vectors("xy").items():
            db.execute(
                "INSERT INTO embeddings VALUES (1, ?, ?)",
                (bytes.fromhex(image_id), vector.tobytes()),
            )
        log = [
            ("shoe", "put"),
            ("bag", "put"),
            ("shoe", "put"),
            ("gone", "put"),
            ("gone", "delete"),
        ]
        db.executemany(
            "INSERT INTO changes (product_id, operation, at) VALUES (?, ?, '2024-05-01')", log
        )
        db.execute("INSERT INTO runs (began_at) VALUES ('2024-05-01')")
        db.commit()


def write_schema_3(path: Path) -> None:
    """What a file of schema 3 held when it was dumped."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(DUMP_OF_SCHEMA_3.read_text())


def test_a_file_of_schema_1_is_brought_up_with_all_it_holds(path: Path, store: SqliteStore) -> None:
    write_schema_1(path)
    shoe, bag = store.list_products(10)
    assert (shoe.product, shoe.image_ids, shoe.revision) == (SHOE, images("yx"), 3)
    assert (bag.product, bag.image_ids, bag.revision) == (BAG, images("x"), 2)
    assert shoe.updated_at == "2024-05-01"
    (part,) = rows_of(store)
    assert part.product_ids == ["shoe", "shoe", "bag"]
    assert part.image_ids == [image("x"), image("y"), image("x")]
    assert [v.tolist() for v in part.vectors] == [vectors("xy")[i].tolist() for i in part.image_ids]
    assert store.embedded(images("xyz"), BUNDLE) == set(images("xy"))
    assert store.sequence() == 5
    assert store.replay(0, BUNDLE).products == {"gone": None}
    assert store.replay(5, BUNDLE).products == {}


def test_a_file_brought_up_goes_on_as_a_new_one(path: Path, store: SqliteStore) -> None:
    write_schema_1(path)
    with store.run(BUNDLE) as run:
        rows = [SeenRow(SHOE, image("y")), SeenRow(SHOE, image("x")), SeenRow(BAG, image("x"))]
        run.merge(rows, {})
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=2, new=0, changed=0, removed=0)
    (result,) = store.write([Write("shoe", None, expected=3)], BUNDLE, {})
    assert isinstance(result, Written)
    assert result.revision == store.sequence() == 6


@pytest.mark.parametrize("schema", [1, 3])
def test_a_file_brought_up_has_the_tables_of_a_new_one(tmp_path: Path, schema: int) -> None:
    tables = []
    for name in ("old.db", "new.db"):
        if name == "old.db":
            (write_schema_1 if schema == 1 else write_schema_3)(tmp_path / name)
        store = SqliteStore(tmp_path / name)
        store.count_products()
        store.close()
        with closing(sqlite3.connect(tmp_path / name)) as db:
            query = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
            tables.append(db.execute(query).fetchall())
            assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    old, new = tables
    assert old == new


def test_a_file_of_schema_3_is_brought_up_with_all_it_holds(path: Path, store: SqliteStore) -> None:
    write_schema_3(path)
    shoe, bag = store.list_products(10)
    assert (shoe.product, shoe.image_ids, shoe.revision) == (SHOE, images("yx"), 3)
    assert (bag.product, bag.image_ids, bag.revision) == (Product("bag"), images("x"), 2)
    assert store.embedded(images("xyz"), BUNDLE) == set(images("xy"))
    assert list(store.replay(2, BUNDLE).products) == ["shoe", "hat"]
    assert store.sequence() == 5
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT key, revision FROM requests").fetchall() == [("us:1", 3)]
    events = store.events(most=10)
    assert list(events.since(None)) == []
    click = Event("shop", "e1", EventType.CLICK, "r1", "shoe", 1)
    assert events.add([click, click]) == [click]
    (result,) = store.write([Write("shoe", None, expected=3)], BUNDLE, {})
    assert isinstance(result, Written)
    assert result.revision == store.sequence() == 6
    assert [[kept.event for kept in part] for part in events.since(None)] == [[click]]


WRITER = """
import os, signal, sys
from pathlib import Path
from service.adapters.sqlite_store import SqliteStore
from service.core.store import SeenRow, Write
from service.core.types import Product

store = SqliteStore(Path(sys.argv[1]))
with store.run("b" * 64) as run:
    run.merge([SeenRow(Product("merged"))], {})
    (done,) = store.write([Write("written", Product("written"))], "b" * 64, {})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_merged_or_written_outlives_the_process(path: Path, store: SqliteStore) -> None:
    killed = subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [p.product.id for p in store.list_products(10)] == ["merged", "written"]
    assert list(store.replay(0, BUNDLE).products) == ["written"]


def test_what_is_read_of_some_products_does_not_begin_with_every_embedding(
    path: Path, store: SqliteStore
) -> None:
    store.write([Write("p", Product("p"), images("x"))], BUNDLE, vectors("x"))
    with closing(sqlite3.connect(path)) as db:
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        view = SqliteView(db)
        assert list(view.replay(0, BUNDLE).products) == ["p"]
        assert view.without_vectors(BUNDLE) == []
        db.set_trace_callback(None)
        joined = [query for query in asked if "CROSS JOIN embeddings" in query]
        assert len(joined) == 2
        for query in joined:
            plan = [step for *_, step in db.execute(f"EXPLAIN QUERY PLAN {query}")]
            tables = [step.split()[1] for step in plan if step.startswith(("SCAN", "SEARCH"))]
            assert tables.index("product_images") < tables.index("embeddings"), plan


def contents(path: Path) -> dict[str, bytes]:
    """What is on disk, as long as some connection is open: the last to close empties the log."""
    names = (path.name, f"{path.name}-wal")
    return {name: path.with_name(name).read_bytes() for name in names}


@pytest.mark.parametrize("dry", [False, True])
def test_an_unchanged_catalogue_writes_nothing(path: Path, store: SqliteStore, dry: bool) -> None:
    catalog = {f"p{i}": "xyz"[i % 3 :] for i in range(3000)}
    assert store.count_products() == 0, "a connection stays open"
    reindex(store, catalog, vectors("xyz"))
    before = contents(path)
    with store.run(BUNDLE, dry=dry) as run:
        for id_, names in catalog.items():
            run.merge([SeenRow(Product(id_), image_id) for image_id in images(names)], {})
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=3000, new=0, changed=0, removed=0)
    assert contents(path) == before


def test_a_dry_run_over_a_changed_catalogue_writes_nothing(path: Path, store: SqliteStore) -> None:
    assert store.count_products() == 0, "a connection stays open"
    reindex(store, {f"p{i}": "x" for i in range(100)}, vectors("x"))
    before = contents(path)
    with store.run(BUNDLE, dry=True) as run:
        run.merge([SeenRow(Product(f"p{i}"), image("y")) for i in range(50, 150)], vectors("y"))
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=100, new=50, changed=50, removed=50)
    assert contents(path) == before


def test_live_writes_and_a_run_take_turns(path: Path, store: SqliteStore) -> None:
    """From several threads, over several connections; none is refused and none is lost."""
    other = SqliteStore(path)

    def write(number: int) -> None:
        through = (store, other)[number % 2]
        for i in range(20):
            id_ = f"live{number}-{i}"
            (result,) = through.write([Write(id_, Product(id_), images("x"))], OTHER, {})
            assert isinstance(result, Written)

    with ThreadPoolExecutor(4) as pool, store.run(BUNDLE) as run:
        writing = [pool.submit(write, number) for number in range(4)]
        for start in range(0, 3000, 100):
            rows = [SeenRow(Product(f"p{i}"), image("x")) for i in range(start, start + 100)]
            run.merge(rows, {})
        for future in writing:
            future.result()
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=3000, new=3000, changed=0, removed=0)
    assert other.count_products() == 3080
    assert store.sequence() == 3080
    other.close()


def test_a_run_that_the_file_refuses_is_a_store_error(path: Path, store: SqliteStore) -> None:
    reindex(store, {"a": "x"})
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with store.run(BUNDLE) as run:
        with pytest.raises(StoreError, match=r"catalog\.db: full"):
            run.merge([SeenRow(Product("b"), image("y"))], vectors("y"))
        assert store.embedded(images("y"), BUNDLE) == set()
    with pytest.raises(StoreError, match=r"catalog\.db: full"):
        store.write([Write("b", Product("b"))], BUNDLE, vectors("z"))
    assert store.embedded(images("yz"), BUNDLE) == set()
    assert [p.product.id for p in store.list_products(10)] == ["a"]


def test_a_copy_that_is_written_to_has_moments_of_its_own(store: SqliteStore, path: Path) -> None:
    """As when a backup is put back: numbers are given again, of other writes."""
    reindex(store, {"1": "a"})
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM INTO ?", (str(path.with_name("copy.db")),))
    other = SqliteStore(path.with_name("copy.db"))
    assert other.stamp() == store.stamp()
    store.write([Write("1", None)], BUNDLE, {})
    first = now()
    while now() == first:
        pass
    other.write([Write("2", Product("2"))], BUNDLE, {})
    assert other.sequence() == store.sequence()
    assert other.stamp() != store.stamp()
    other.close()
