"""Which requests were done, and what came of them; in the transaction that did them.

RequestKey -> requests -> Written, as it was answered
"""

import json
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection

from service.adapters.sqlite_rows import product_of, values_of
from service.core.errors import RequestKeyError
from service.core.idempotency import KEPT_HOURS, RequestKey
from service.core.store import Written
from service.core.types import StoredProduct


def recalled(db: Connection, key: RequestKey) -> Written | RequestKeyError | None:
    """Return what came of a request; an error where another request had its key."""
    query = "SELECT digest, revision, created, stored FROM requests WHERE key = ? AND at > ?"
    found = db.execute(query, (key.text, _forgotten_before())).fetchone()
    if found is None:
        return None
    digest, revision, created, stored = found
    if digest != key.digest:
        return RequestKeyError(
            "this Idempotency-Key came with another request before: send a new key with a new one"
        )
    return Written(_read(json.loads(stored), revision), revision, created=bool(created))


def remember(db: Connection, key: RequestKey, written: Written, at: str) -> None:
    """Keep what came of a request, and forget those of long ago."""
    db.execute("DELETE FROM requests WHERE at <= ?", (_forgotten_before(),))
    db.execute(
        "INSERT INTO requests (key, digest, at, revision, created, stored)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key.text, key.digest, at, written.revision, written.created, _shown(written.stored)),
    )


def _forgotten_before() -> str:
    moment = datetime.now(UTC) - timedelta(hours=KEPT_HOURS)
    return moment.isoformat(timespec="milliseconds")


def _shown(stored: StoredProduct | None) -> str:
    if stored is None:
        return "null"
    return json.dumps([values_of(stored.product), stored.image_ids, stored.updated_at])


def _read(shown: tuple[list[str], list[str], str] | None, revision: int) -> StoredProduct | None:
    if shown is None:
        return None
    values, image_ids, updated_at = shown
    return StoredProduct(product_of(values), tuple(image_ids), updated_at, revision)
