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
from service.core.types import Product

SCHEMA = "CREATE TABLE things (name TEXT NOT NULL UNIQUE); CREATE TABLE others (n INTEGER)"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteFile]:
    opened = SqliteFile(tmp_path / "new" / "things.db", SCHEMA, 3)
    yield opened
    opened.close()


def names(file: SqliteFile) -> list[str]:
    with file.reading() as db:
        return [name for (name,) in db.execute("SELECT name FROM things ORDER BY name")]


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    SqliteFile(tmp_path / "new" / "things.db", SCHEMA, 3).close()
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_gets_its_tables_and_survives_a_crash(file: SqliteFile) -> None:
    assert names(file) == []
    with file.reading() as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"


@pytest.mark.parametrize("found", [2, 4])
def test_a_file_of_another_schema_is_refused(file: SqliteFile, tmp_path: Path, found: int) -> None:
    path = tmp_path / "new" / "things.db"
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version={found}")
    other.close()
    for _ in range(2):
        with pytest.raises(StoreError, match=f"has schema {found}, this Vitrine reads 3") as no:
            names(file)
        assert str(path) in str(no.value)


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
    file = SqliteFile(tmp_path / "new" / "things.db", SCHEMA, 3)
    with pytest.raises(StoreError, match=where):
        names(file)
    with pytest.raises(StoreError, match=where), file.writing():
        pass
    file.close()


def test_a_refused_statement_is_a_store_error(file: SqliteFile) -> None:
    with file.writing() as db:
        db.execute("INSERT INTO things VALUES ('a')")
    with pytest.raises(StoreError, match="UNIQUE"), file.writing() as db:
        db.execute("INSERT INTO things VALUES ('a')")
    file.commit()
    assert names(file) == ["a"]


def test_a_reader_is_not_held_up_by_a_writer(file: SqliteFile) -> None:
    with file.writing() as db:
        db.execute("INSERT INTO things VALUES ('a')")
        assert names(file) == []
    file.commit()
    assert names(file) == ["a"]


def test_closing_takes_back_what_was_not_committed(file: SqliteFile) -> None:
    with file.writing() as db:
        db.execute("INSERT INTO things VALUES ('a')")
    file.close()
    assert names(file) == []


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from service.adapters.sqlite_store import SqliteStore
from service.core.types import Product

store = SqliteStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for i in range(20):
    run = store.begin_run()
    store.put(Product(id=f"{sys.argv[2]}{i}"), run)
    store.finish_run(run, delete_missing=False)
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
    assert store.sequence() == 40
    store.close()


def test_a_reader_sees_what_another_connection_committed(tmp_path: Path) -> None:
    writer, reader = SqliteStore(tmp_path / "c.db"), SqliteStore(tmp_path / "c.db")
    assert reader.get_many(["a"]) == {}
    writer.put(Product(id="a"), writer.begin_run())
    assert reader.get_many(["a"]) == {}
    writer.commit()
    assert "a" in reader.get_many(["a"])
    writer.close()
    reader.close()


def test_many_threads_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    for attempt in range(20):
        file = SqliteFile(tmp_path / f"{attempt}.db", SCHEMA, 1)
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
