"""Small pictures in a database of their own, so that the catalogue stays small enough to copy."""

from collections.abc import Collection, Mapping
from pathlib import Path

from service.adapters.sqlite_file import SqliteFile
from service.core.types import Thumbnail

_MIGRATIONS = (
    """
CREATE TABLE thumbnails (
    image_id BLOB NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    data BLOB NOT NULL
)
""",
)


class SqliteThumbnails:
    """Satisfies `ThumbnailStore`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _MIGRATIONS)

    def put_many(self, thumbnails: Mapping[str, Thumbnail]) -> None:
        """Keep them durably; an existing one is left as it is."""
        with self._file.writing() as db:
            db.executemany(
                "INSERT OR IGNORE INTO thumbnails (image_id, media_type, data) VALUES (?, ?, ?)",
                (
                    (bytes.fromhex(image_id), small.media_type, small.data)
                    for image_id, small in thumbnails.items()
                ),
            )

    def get(self, image_id: str) -> Thumbnail | None:
        """Return the small picture, or None."""
        query = "SELECT data, media_type FROM thumbnails WHERE image_id = ?"
        with self._file.reading() as db:
            found = db.execute(query, (bytes.fromhex(image_id),)).fetchone()
        return Thumbnail(*found) if found else None

    def having(self, image_ids: Collection[str]) -> set[str]:
        """Return those of the pictures that have one."""
        query = "SELECT 1 FROM thumbnails WHERE image_id = ?"
        with self._file.reading() as db, self._file.transaction(db, writes=False):
            return {
                image_id
                for image_id in image_ids
                if db.execute(query, (bytes.fromhex(image_id),)).fetchone()
            }

    def close(self) -> None:
        """Close the database."""
        self._file.close()
