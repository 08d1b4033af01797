"""Events as a file to analyse or to train from: Parquet or JSON lines, whole or not at all."""

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.core.errors import InvalidQueryError, StoreError
from service.core.events import KeptEvent

_TEXTS = ("type", "request_id", "product_id")
_SCHEMA = pa.schema(
    [
        ("at", pa.timestamp("ms", tz="UTC")),
        *((name, pa.string()) for name in _TEXTS),
        ("position", pa.int32()),
        ("image_id", pa.string()),
        ("reporter", pa.string()),
        ("id", pa.string()),
    ]
)


def write_events(path: Path, parts: Iterable[list[KeptEvent]]) -> int:
    """Write events to a file of the kind that its name ends in; return how many.

    Raises:
        InvalidQueryError: The name ends in neither .parquet nor .jsonl.
        StoreError: The file cannot be written, or the events cannot be read.
    """
    writers = {".parquet": _write_parquet, ".jsonl": _write_lines}
    if path.suffix not in writers:
        raise InvalidQueryError(f"{path} ends in neither .parquet nor .jsonl")
    with _in_place(path) as beside:
        return writers[path.suffix](beside, parts)


def _write_parquet(path: Path, parts: Iterable[list[KeptEvent]]) -> int:
    count = 0
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for part in parts:
            table = pa.Table.from_pylist([_row(kept) for kept in part], _AS_TEXT)
            writer.write_table(table.cast(_SCHEMA))
            count += len(part)
    return count


_AS_TEXT = _SCHEMA.set(0, pa.field("at", pa.string()))
"""Arrow reads ISO 8601 by itself."""


def _write_lines(path: Path, parts: Iterable[list[KeptEvent]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for part in parts:
            file.writelines(json.dumps(_row(kept), ensure_ascii=False) + "\n" for kept in part)
            count += len(part)
    return count


def _row(kept: KeptEvent) -> dict[str, Any]:
    said = asdict(kept.event) | {"at": kept.at}
    return {name: said[name] for name in _SCHEMA.names}


@contextmanager
def _in_place(path: Path) -> Iterator[Path]:
    """Lend a name beside the file's, and give it the file's once it is whole."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield beside
        os.replace(beside, path)
    except OSError as exc:
        raise StoreError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    finally:
        beside.unlink(missing_ok=True)
