"""One SQLite database file: WAL, synchronous=FULL, one writer, errors translated."""

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from service.core.errors import StoreError


class SqliteFile:
    """Opens the file when first used; creates its tables if it is new."""

    def __init__(self, path: Path, schema: str, version: int) -> None:
        """Remember where the database is.

        Args:
            path: The file; its folder is created.
            schema: SQL that makes the tables of a new file.
            version: Of the schema; a file of another version is refused.
        """
        self._path = path
        self._schema = schema
        self._version = version
        self._lock = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees what is committed; raises StoreError where SQLite raises."""
        with self._translated():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer inside a transaction that lasts until `commit` or `rollback`."""
        with self._translated(), self._lock:
            if self._writer is None:
                self._writer = self._open()
            if not self._writer.in_transaction:
                self._writer.execute("BEGIN IMMEDIATE")
            yield self._writer

    def commit(self) -> None:
        """Make all writes durable."""
        with self._translated(), self._lock:
            if self._writer is not None:
                self._writer.commit()

    def rollback(self) -> None:
        """Take back the writes since the last commit."""
        with self._translated(), self._lock:
            if self._writer is not None:
                self._writer.rollback()

    def close(self) -> None:
        """Close every connection; uncommitted writes are taken back."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise StoreError(f"{self._path}: {exc}") from exc

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                self._create()
        except OSError as exc:
            raise StoreError(f"{self._path.parent} cannot be written: {exc.strerror}") from exc
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous=FULL")
            self._check_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """Make the file whole beside its name; of several that do at once, one is kept.

        Made in place, two threads that switch the same new file to WAL would refuse each other.
        """
        beside = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex}")
        try:
            with closing(sqlite3.connect(beside)) as connection:
                # Rows are a kilobyte and more; larger pages leave less of each one empty.
                connection.execute("PRAGMA page_size=16384")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(self._schema)
                connection.execute(f"PRAGMA user_version={self._version}")
            with suppress(FileExistsError):
                os.link(beside, self._path)
        finally:
            beside.unlink(missing_ok=True)

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found != self._version:
            raise StoreError(
                f"{self._path} has schema {found}, this Vitrine reads {self._version}: "
                "use the Vitrine that wrote it, or reindex into another data directory"
            )
