"""One SQLite database file: WAL, synchronous=FULL, one writer, errors translated."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        except OSError as exc:
            raise StoreError(f"{self._path.parent} cannot be written: {exc.strerror}") from exc
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Set the connection up; raises StoreError on a file of another schema."""
        # Rows are a kilobyte and more; larger pages leave less of each one empty.
        connection.execute("PRAGMA page_size=16384")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            found = self._create(connection)
        if found != self._version:
            raise StoreError(
                f"{self._path} has schema {found}, this Vitrine reads {self._version}: "
                "use the Vitrine that wrote it, or reindex into another data directory"
            )

    def _create(self, connection: sqlite3.Connection) -> int:
        """Make the tables unless another process was faster; return the schema's version."""
        connection.execute("BEGIN IMMEDIATE")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            for statement in self._schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._version}")
            found = self._version
        connection.commit()
        return int(found)
