"""Events in the catalogue's file: the last so many, each once.

Event -> known by (reporter, id)? -> a row of events; the oldest beyond the bound go with it
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from service.adapters.sqlite_file import SqliteFile
from service.adapters.sqlite_rows import now
from service.core.events import Event, EventType, KeptEvent

_READ_AT_ONCE = 10_000
_FORGOTTEN_AT_ONCE = 10_000


class SqliteEvents:
    """Satisfies `EventStore`."""

    def __init__(self, file: SqliteFile, most: int) -> None:
        """Keep events in a catalogue's file, `most` of them."""
        self._file = file
        self._most = most

    def add(self, events: Sequence[Event]) -> list[Event]:
        """Keep those that are not known yet, and return them."""
        insert = (
            "INSERT INTO events"
            " (at, reporter, id, type, request_id, product_id, position, image_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reporter, id) DO NOTHING"
        )
        at = now()
        with self._file.writing() as db:
            new = [event for event in events if db.execute(insert, (at, *_values(event))).rowcount]
            db.execute(
                "DELETE FROM events WHERE number IN (SELECT number FROM events"
                " WHERE number <= (SELECT MAX(number) FROM events) - ? ORDER BY number LIMIT ?)",
                (self._most, _FORGOTTEN_AT_ONCE),
            )
        return new

    def since(self, moment: datetime | None) -> Iterator[list[KeptEvent]]:
        """Yield what came at a moment or later, oldest first; what comes meanwhile is left out."""
        if not self._file.exists:  # asking makes none
            return
        from_on = "" if moment is None else _shown(moment)
        with self._file.reading() as db:
            (last,) = db.execute("SELECT COALESCE(MAX(number), 0) FROM events").fetchone()
        read = 0
        # Page by page, since a long read would keep the log of writes from being emptied.
        while rows := self._page(read, last, from_on):
            read = rows[-1][0]
            yield [_event(row) for row in rows]

    def _page(self, read: int, last: int, from_on: str) -> list[tuple[Any, ...]]:
        with self._file.reading() as db:
            return db.execute(
                "SELECT number, at, reporter, id, type, request_id, product_id, position,"
                " lower(hex(image_id)) FROM events"
                " WHERE number > ? AND number <= ? AND at >= ? ORDER BY number LIMIT ?",
                (read, last, from_on, _READ_AT_ONCE),
            ).fetchall()


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _values(event: Event) -> tuple[object, ...]:
    image = None if event.image_id is None else bytes.fromhex(event.image_id)
    of = (event.reporter, event.id, event.type, event.request_id, event.product_id)
    return (*of, event.position, image)


def _event(row: Sequence[object]) -> KeptEvent:
    _, at, reporter, id_, kind, request_id, product_id, position, image = row
    event = Event(
        str(reporter),
        str(id_),
        EventType(str(kind)),
        str(request_id),
        str(product_id),
        position if isinstance(position, int) else None,
        str(image) if image else None,
    )
    return KeptEvent(str(at), event)
