"""A catalogue as Parquet: one file, or shards read one after the other.

    footers -> ColumnPlan;  batches of the columns that are used -> CatalogRow

The one module that sees pyarrow and its exceptions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.adapters.catalog_columns import ColumnPlan, plan_columns, rows_of
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow

BATCH_ROWS = 256
BATCH_BYTES = 32 << 20
"""Fewer rows a batch where pictures are large: 256 of 2 MB would be half a gigabyte."""
# ArrowInvalid is a ValueError; the others come from values that Python's types cannot hold.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path
    names: frozenset[str]
    plan: ColumnPlan
    rows: int | None
    batch_rows: int


class ParquetSource:
    """Rows of Parquet files that have the same columns; `rows()` may be called again."""

    def __init__(self, paths: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Read the footers of `paths`, which are at least one.

        Raises:
            CatalogSourceError: a file is not Parquet, lacks a column, or differs from the first.
        """
        self._shards = [_open_shard(path, columns) for path in paths]
        first = self._shards[0]
        for shard in self._shards:
            if shard.names != first.names:
                differing = ", ".join(sorted(shard.names ^ first.names))
                raise CatalogSourceError(
                    f"{shard.path} and {first.path} are shards of one catalogue, "
                    f"but only one of them has: {differing}"
                )

    @property
    def total(self) -> int | None:
        """Rows to come; None where a product may have a list of pictures."""
        counts = [shard.rows for shard in self._shards if shard.rows is not None]
        return sum(counts) if len(counts) == len(self._shards) else None

    @property
    def dated(self) -> bool:
        """Whether a column says when a row last changed."""
        return self._shards[0].plan.dated

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every row in order; raises CatalogSourceError."""
        for shard in self._shards:
            folder = shard.path.parent
            for number, record in enumerate(_records(shard), start=1):
                where = f"{shard.path}, row {number}"
                yield from rows_of(record, shard.plan, folder=folder, where=where)


def _open_shard(path: Path, columns: Mapping[str, str]) -> _Shard:
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            groups = map(file.metadata.row_group, range(file.num_row_groups))
            row_bytes = sum(group.total_byte_size for group in groups) / max(rows, 1)
    except _UNREADABLE as exc:
        raise CatalogSourceError(f"{path}: not a readable Parquet file: {exc}") from exc
    plan = plan_columns(schema.names, columns, path)
    attributes = tuple(name for name in plan.attributes if _is_attribute(schema.field(name).type))
    several = _is_list(schema.field(plan.fields["image"]).type)
    return _Shard(
        path=path,
        names=frozenset(schema.names),
        plan=replace(plan, attributes=attributes),
        rows=None if several else rows,
        batch_rows=max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(row_bytes, 1)))),
    )


def _records(shard: _Shard) -> Iterator[dict[str, object]]:
    wanted = list(dict.fromkeys([*shard.plan.fields.values(), *shard.plan.attributes]))
    try:
        # Left to itself Arrow fetches a row group's whole column of pictures before the first
        # batch: 249 MiB of a 250 MB file, 14 MiB this way, in the same time.
        with pq.ParquetFile(shard.path, pre_buffer=False, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(batch_size=shard.batch_rows, columns=wanted):
                cells = [_to_python(batch.column(name)) for name in wanted]
                for values in zip(*cells, strict=True):
                    yield dict(zip(wanted, values, strict=True))
    except _UNREADABLE as exc:
        raise CatalogSourceError(f"{shard.path}: cannot be read: {exc}") from exc


def _to_python(column: Any) -> list[object]:
    several = _is_list(column.type)
    kind = column.type.value_type if several else column.type
    if pa.types.is_timestamp(kind):
        # Python's datetime has no nanoseconds, and without pandas Arrow refuses to drop them.
        micros = pa.timestamp("us", kind.tz)
        column = column.cast(pa.list_(micros) if several else micros, safe=False)
    cells: list[object] = column.to_pylist()
    return cells


def _is_list(kind: Any) -> bool:
    types = pa.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _is_attribute(kind: Any) -> bool:
    """Whether cells of this type are scalars, or lists of them; others are not even read."""
    types = pa.types
    if _is_list(kind):
        return _is_attribute(kind.value_type) and not _is_list(kind.value_type)
    if types.is_dictionary(kind):
        return _is_attribute(kind.value_type)
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_timestamp(kind)
    )
