"""A shop's catalogue, from whatever file or folder it is in.

    path -> open_source -> Parquet | CSV, feed | JSONL | folder of pictures -> CatalogRow, streamed

`open_source` looks at what is there and chooses; JSONL is here.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.adapters.catalog_columns import plan_columns, rows_of
from service.adapters.catalog_csv import reading
from service.adapters.catalog_folder import IMAGE_SUFFIXES, ImageFolder, visible_files
from service.adapters.catalog_formats import CatalogFormat, open_csv
from service.adapters.catalog_parquet import ParquetSource
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, CatalogSource

ACCEPTED = (
    "a .parquet, .csv, .tsv, .jsonl or .ndjson file, a feed in .txt, a folder of pictures, "
    "or a folder of .parquet files"
)
_SEPARATED = (".csv", ".tsv", ".txt")


def open_source(
    path: Path, *, columns: Mapping[str, str], layout: CatalogFormat = CatalogFormat.AUTO
) -> CatalogSource:
    """Open the catalogue at `path`.

    Args:
        path: A file or a folder.
        columns: Columns of the source by fields of ours.
        layout: Whose columns a file of separated values has.

    Raises:
        CatalogSourceError: there is nothing there that Vitrine reads, or a column is missing.
    """
    suffix = path.suffix.lower()
    if layout is not CatalogFormat.AUTO and (path.is_dir() or suffix not in _SEPARATED):
        raise CatalogSourceError(
            f"{path}: --format {layout} is for files of separated values ({', '.join(_SEPARATED)})"
        )
    if path.is_dir():
        return _open_folder(path, columns)
    if not path.exists():
        raise CatalogSourceError(f"{path}: does not exist; a catalogue is {ACCEPTED}")
    if suffix in _SEPARATED:
        return open_csv(path, columns, layout)
    match suffix:
        case ".parquet":
            return ParquetSource([path], columns)
        case ".jsonl" | ".ndjson":
            return JsonlSource(path, columns)
    raise CatalogSourceError(f"{path}: unknown kind of file; a catalogue is {ACCEPTED}")


def _open_folder(folder: Path, columns: Mapping[str, str]) -> CatalogSource:
    pictures = 0
    shards = []
    for path in visible_files(folder):
        pictures += path.suffix.lower() in IMAGE_SUFFIXES
        if path.suffix.lower() == ".parquet":
            shards.append(path)
    if shards and pictures:
        raise CatalogSourceError(
            f"{folder}: holds {pictures:,} pictures and {len(shards):,} .parquet files; "
            f"name the one or the other, such as {shards[0]}"
        )
    if shards:
        return ParquetSource(shards, columns)
    if not pictures:
        raise CatalogSourceError(f"{folder}: nothing to index in it; a catalogue is {ACCEPTED}")
    if columns:
        raise CatalogSourceError(
            f"{folder}: a folder of pictures has no columns to map ({', '.join(columns)})"
        )
    return ImageFolder(folder, pictures)


class JsonlSource:
    """A file with a JSON object a line; read once ahead, since any line may bring a new key."""

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        """Read the keys of every line; raises CatalogSourceError."""
        self._path = path
        keys: dict[str, None] = {}
        for _, record in self._records():
            keys.update(dict.fromkeys(record))
        self._plan = plan_columns(list(keys), columns, path)

    @property
    def total(self) -> int | None:
        """Unknown: any line may list several pictures."""
        return None

    @property
    def dated(self) -> bool:
        """Whether a column says when a row last changed."""
        return self._plan.dated

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every row in order; raises CatalogSourceError."""
        for number, record in self._records():
            where = f"{self._path}, line {number}"
            yield from rows_of(record, self._plan, folder=self._path.parent, where=where)

    def _records(self) -> Iterator[tuple[int, dict[str, object]]]:
        with reading(self._path), self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = _loads(line)
                except ValueError as exc:
                    raise CatalogSourceError(f"{self._path}, line {number}: {exc}") from exc
                if not isinstance(record, dict):
                    raise CatalogSourceError(f"{self._path}, line {number}: not a JSON object")
                yield number, record


def _loads(line: bytes) -> object:
    """Parse JSON; half of a surrogate pair, which no file or database could hold, becomes "?"."""
    record: object = json.loads(line)
    if b"\\ud" not in line.lower():
        return record
    text = json.dumps(record, ensure_ascii=False)
    whole: object = json.loads(text.encode("utf-8", "replace"))
    return whole
