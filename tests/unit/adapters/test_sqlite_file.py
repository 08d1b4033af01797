"""One database file: its schema guarded, its errors translated, shared between processes."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from service.adapters.sqlite_file import SqliteFile
from service.adapters.sqlite_store import SqliteStore
from service.core.errors import StoreError
from service.core.store import Write
from service.core.types import Product

MIGRATIONS = (
    "CREATE TABLE things (name TEXT NOT NULL UNIQUE); CREATE TABLE others (n INTEGER)",
    "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 1;\nDROP TABLE others;\n",
    """
    UPDATE things SET size = size + 1;
    CREATE TRIGGER sized AFTER INSERT ON things
        BEGIN UPDATE things SET size = 7 WHERE name = new.name; END;
    """,
)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteFile]:
    opened = SqliteFile(tmp_path / "new" / "things.db", MIGRATIONS)
    yield opened
    opened.close()


def names(file: SqliteFile) -> list[str]:
    with file.reading() as db:
        return [name for (name,) in db.execute("SELECT name FROM things ORDER BY name")]


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    SqliteFile(tmp_path / "new" / "things.db", MIGRATIONS).close()
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_gets_its_tables_and_survives_a_crash(file: SqliteFile) -> None:
    assert names(file) == []
    with file.reading() as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"


def test_a_file_of_a_newer_schema_is_refused(file: SqliteFile, tmp_path: Path) -> None:
    path = tmp_path / "new" / "things.db"
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version=4")
    other.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="has schema 4, this Vitrine reads 3: use the") as no:
            names(file)
        assert str(path) in str(no.value)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_is_brought_up_and_keeps_what_it_holds(
    file: SqliteFile, tmp_path: Path, version: int
) -> None:
    older = SqliteFile(tmp_path / "new" / "things.db", MIGRATIONS[:version])
    with older.writing() as db:
        db.execute("INSERT INTO things (name) VALUES ('a')")
    older.close()
    with file.writing() as db:
        db.execute("INSERT INTO things (name) VALUES ('b')")
        assert db.execute("SELECT name, size FROM things").fetchall() == [("a", 2), ("b", 7)]
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
    with pytest.raises(StoreError, match=f"has schema 3, this Vitrine reads {version}"):
        names(older)


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    older = SqliteFile(path, MIGRATIONS[:1])
    with older.writing() as db:
        db.execute("INSERT INTO things (name) VALUES ('a')")
    broken = SqliteFile(path, (MIGRATIONS[0], "DROP TABLE things; DROP TABLE nowhere"))
    with pytest.raises(StoreError, match="no such table: nowhere"):
        names(broken)
    assert names(older) == ["a"]
    older.close()


def test_of_many_that_bring_a_file_up_at_once_one_does(tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        older = SqliteFile(path, MIGRATIONS[:1])
        with older.writing() as db:
            db.execute("INSERT INTO things (name) VALUES ('a')")
        older.close()
        files = [SqliteFile(path, MIGRATIONS) for _ in range(6)]
        gate = Barrier(len(files))

        def size(file: SqliteFile, gate: Barrier = gate) -> int:
            gate.wait()
            with file.reading() as db:
                return int(db.execute("SELECT size FROM things").fetchone()[0])

        with ThreadPoolExecutor(len(files)) as pool:
            assert list(pool.map(size, files)) == [2] * len(files), "not once more each"
        for file in files:
            file.close()


def test_a_file_that_is_no_database_is_refused(file: SqliteFile, tmp_path: Path) -> None:
    path = tmp_path / "new" / "things.db"
    path.parent.mkdir()
    path.write_bytes(b"not a database, and longer than its header" * 100)
    with pytest.raises(StoreError, match=re.escape(str(path))):
        names(file)


@pytest.mark.parametrize("blocked", ["new", "new/things.db"])
def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, blocked: str) -> None:
    """A file where the folder should be, and a folder where the file should be."""
    if blocked == "new":
        (tmp_path / blocked).touch()
    else:
        (tmp_path / blocked).mkdir(parents=True)
    where = re.escape(str(tmp_path / "new"))
    file = SqliteFile(tmp_path / "new" / "things.db", MIGRATIONS)
    with pytest.raises(StoreError, match=where):
        names(file)
    with pytest.raises(StoreError, match=where), file.writing():
        pass
    file.close()


def put(db: sqlite3.Connection, *names: str) -> None:
    for name in names:
        db.execute("INSERT INTO things (name) VALUES (?)", (name,))


def test_a_refused_statement_is_a_store_error_and_takes_its_transaction_back(
    file: SqliteFile,
) -> None:
    with file.writing() as db:
        put(db, "a")
    with pytest.raises(StoreError, match="UNIQUE"), file.writing() as db:
        put(db, "b", "a")
    assert names(file) == ["a"]


def test_a_reader_is_not_held_up_by_a_writer(file: SqliteFile) -> None:
    with file.writing() as db:
        put(db, "a")
        assert names(file) == []
    assert names(file) == ["a"]


def test_what_is_broken_off_is_taken_back(file: SqliteFile) -> None:
    def broken_off() -> None:
        with file.writing() as db:
            put(db, "a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert names(file) == []
    with file.writing() as db:
        put(db, "b")
    assert names(file) == ["b"]


def test_a_reading_transaction_sees_one_moment(file: SqliteFile) -> None:
    with file.alone() as own, file.transaction(own, writes=False):
        count = "SELECT COUNT(*) FROM things"
        assert own.execute(count).fetchone() == (0,)
        with file.writing() as db:
            put(db, "a")
        own.execute("CREATE TEMP TABLE noted AS SELECT * FROM things")
        assert own.execute(count).fetchone() == (0,)
    assert names(file) == ["a"]


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from service.adapters.sqlite_store import SqliteStore
from service.core.store import SeenRow, Write
from service.core.types import Product

store = SqliteStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
name = sys.argv[2]
for i in range(20):
    with store.run("b" * 64) as run:
        run.merge([SeenRow(Product(f"{name}{i}"))], {})
    (done,) = store.write([Write(f"{name}{i}", Product(f"{name}{i}", price=1.0))], "b" * 64, {})
    assert not done.created
store.close()
"""


def test_two_processes_may_make_and_fill_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    store = SqliteStore(path)
    found = {stored.product.id for stored in store.list_products(100)}
    assert found == {f"{name}{i}" for name in "ab" for i in range(20)}
    assert {stored.product.price for stored in store.list_products(100)} == {1.0}
    assert store.sequence() == 80
    store.close()


def test_a_reader_sees_what_another_connection_committed(tmp_path: Path) -> None:
    writer, reader = SqliteStore(tmp_path / "c.db"), SqliteStore(tmp_path / "c.db")
    assert reader.get_many(["a"]) == {}
    writer.write([Write("a", Product("a"))], "b" * 64, {})
    assert "a" in reader.get_many(["a"])
    writer.close()
    reader.close()


def test_many_threads_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    for attempt in range(20):
        file = SqliteFile(tmp_path / f"{attempt}.db", MIGRATIONS)
        gate = Barrier(8)

        def read(file: SqliteFile = file, gate: Barrier = gate) -> int:
            gate.wait()
            with file.reading() as db:
                return int(db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0])

        with ThreadPoolExecutor(8) as pool:
            tables = [future.result() for future in [pool.submit(read) for _ in range(8)]]
        file.close()
        assert min(tables) == max(tables) > 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".db"}
