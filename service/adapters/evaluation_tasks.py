"""Retrieval tasks from a TOML file: which rows of which Parquet files ask and answer.

[kinds]                      labels that stand for several of the gallery's values
[[task]]  name, about
  queries = { files, hold_out = COLUMN, where = { COLUMN = [VALUES] } }
  gallery = the same
  same = [COLUMNS]           right when all are equal, or
  kind = { query = COLUMN, gallery = COLUMN }   right when [kinds] says so
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from service.core.errors import CatalogSourceError
from service.core.split import held_out
from service.core.tasks import Item, Task


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Side(_Strict):
    files: list[str]
    hold_out: str | None = None
    where: dict[str, list[str]] = {}


class _Kind(_Strict):
    query: str
    gallery: str


class _Task(_Strict):
    name: str
    about: str
    queries: _Side
    gallery: _Side
    same: list[str] = []
    kind: _Kind | None = None


class _File(_Strict):
    task: list[_Task]
    kinds: dict[str, list[str]] = {}


def read_tasks(path: Path, sources: Path) -> list[Task]:
    """Read the tasks; their pictures are read when they are asked for.

    Args:
        path: The TOML file.
        sources: Folder that the files are in.

    Raises:
        CatalogSourceError: The TOML file or one it names cannot be read.
    """
    try:
        with path.open("rb") as file:
            parsed = _File.model_validate(tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise CatalogSourceError(f"{path} is not a file of evaluation tasks: {exc}") from exc
    except ValidationError as exc:
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise CatalogSourceError(f"{path}: {'; '.join(wrong)}") from exc
    return [_task(raw, parsed.kinds, sources) for raw in parsed.task]


def _task(raw: _Task, kinds: dict[str, list[str]], sources: Path) -> Task:
    if raw.kind:
        query_columns, gallery_columns = [raw.kind.query], [raw.kind.gallery]
    else:
        query_columns = gallery_columns = raw.same
    return Task(
        name=raw.name,
        about=raw.about,
        labels=tuple(gallery_columns),
        aliases={label: frozenset(values) for label, values in kinds.items()} if raw.kind else {},
        queries=lambda: _items(raw.queries, query_columns, sources),
        gallery=lambda: _items(raw.gallery, gallery_columns, sources),
    )


def _items(side: _Side, labels: list[str], sources: Path) -> Iterator[Item]:
    columns = ["id", "image", *labels, *side.where]
    columns += [side.hold_out] if side.hold_out else []
    for name in side.files:
        for row in _rows(sources / name, sorted(set(columns))):
            if side.hold_out and not held_out(row[side.hold_out]):
                continue
            if any(row[column] not in allowed for column, allowed in side.where.items()):
                continue
            values = tuple(str(row[label]) for label in labels)
            yield Item(id=row["id"], data=row["image"]["bytes"], labels=values)


def _rows(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    try:
        file = pq.ParquetFile(path)
        if missing := sorted(set(columns) - set(file.schema_arrow.names)):
            raise CatalogSourceError(
                f"{path} has no column {', '.join(missing)}; it has "
                f"{', '.join(file.schema_arrow.names)}"
            )
        for batch in file.iter_batches(256, columns=columns):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as exc:
        raise CatalogSourceError(f"{path} cannot be read for evaluation: {exc}") from exc
