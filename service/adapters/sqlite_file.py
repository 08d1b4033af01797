"""One SQLite database file: WAL, synchronous=FULL, one writer, errors translated.

A schema is the sequence of its migrations: a new file runs them all, an older one those it lacks.
"""

import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from service.core.errors import StoreError


class SqliteFile:
    """Opens the file when first used; makes it if there is none, brings it up if it is older."""

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        """Remember where the database is.

        Args:
            path: The file; its folder is created.
            migrations: SQL that brings a file from each version to the next, from 0, an empty one.
        """
        self._path = path
        self._migrations = migrations
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._watching = threading.Lock()
        self._watcher: sqlite3.Connection | None = None
        self._version, self._read = -1, ""

    @property
    def exists(self) -> bool:
        """Whether the file has been made."""
        return self._path.exists()

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

    def unchanged(self, read: Callable[[sqlite3.Connection], str]) -> str | None:
        """Return what is read of the file, as before while nobody has written to it since.

        It is None while there is no file. SQLite counts the writes of connections other than the
        one that asks (`data_version`), which is therefore one of its own; asking costs a fifth of
        reading. Always for the same `read`.
        """
        with self._watching, self._translated():
            if self._watcher is None:
                if not self.exists:
                    return None
                self._watcher = self._open()
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._read = read(self._watcher)
                self._version = version
            return self._read

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer for one transaction: durable at the end, taken back where it raises."""
        with self._lock, self._translated():
            if self._writer is None:
                self._writer = self._open()
            with self.transaction(self._writer):
                yield self._writer

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection of its own, whose temporary tables nobody else sees."""
        with self._translated(), closing(self._open()) as connection:
            yield connection

    @contextmanager
    def transaction(self, db: sqlite3.Connection, *, writes: bool = True) -> Iterator[None]:
        """Commit what is done inside, or take it back where it raises.

        One that does not write sees one moment of the file, and may fill temporary tables.
        """
        with self._translated():
            db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                yield
                db.commit()
            except BaseException:
                db.rollback()
                raise

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
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
        connection = _connect(self._path)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            self._migrate(connection)
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
            with closing(_connect(beside)) as connection:
                # Rows are a kilobyte and more; larger pages leave less of each one empty.
                connection.execute("PRAGMA page_size=16384")
                connection.execute("PRAGMA journal_mode=WAL")
                self._migrate(connection)
            with suppress(FileExistsError):
                os.link(beside, self._path)
        finally:
            beside.unlink(missing_ok=True)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring an older file up; of several processes that would, one does and the others wait."""
        if self._found(connection) == len(self._migrations):
            return
        with self.transaction(connection):
            for migration in self._migrations[self._found(connection) :]:
                for statement in _statements(migration):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(self._migrations)}")

    def _found(self, connection: sqlite3.Connection) -> int:
        """Return the version of the file; refuse one that is newer than what is known here."""
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            raise StoreError(
                f"{self._path} has schema {version}, this Vitrine reads {len(self._migrations)}: "
                "use the Vitrine that wrote it, or reindex into another data directory"
            )
        return version


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)


def _statements(script: str) -> Iterator[str]:
    """Split a script; `executescript` would commit before it begins."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if part.strip() and sqlite3.complete_statement(statement):
            yield statement
            statement = ""
