"""The files of one snapshot: rows streamed into them, checksums, and what reads them back."""

import hashlib
import itertools
import json
import os
import sys
import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

import pyarrow as pa
from pydantic import ValidationError

from service.adapters.half_vectors import HalfVectors, map_halves, write_halves
from service.adapters.product_table import PRODUCT_FILES
from service.core.errors import IndexCorruptError
from service.core.manifest import SNAPSHOT_SCHEMA, SnapshotManifest
from service.core.store import CatalogView
from service.core.types import Vectors

INDEX, VECTORS, PRODUCTS = "index.faiss", "vectors.f16.npy", "products.arrow"
MANIFEST = "manifest.json"
FILES = (INDEX, VECTORS, PRODUCTS, *PRODUCT_FILES)
_BATCH = 4096
_HASHING_THREADS = 4
_PATIENT = 15
_COLUMNS = pa.schema([("image_id", pa.string()), ("product_id", pa.string())])


def write_rows(folder: Path, view: CatalogView, bundle_digest: str, dim: int) -> None:
    """Stream the catalogue's rows into vectors and table; raises OSError."""
    with (
        pa.OSFile(str(folder / PRODUCTS), "wb") as sink,
        pa.ipc.new_file(sink, _COLUMNS) as table,
    ):

        def vectors() -> Iterator[Vectors]:
            for part in view.rows(bundle_digest, _BATCH):
                table.write(pa.record_batch([part.image_ids, part.product_ids], schema=_COLUMNS))
                yield part.vectors

        write_halves(folder / VECTORS, vectors(), view.count_rows(bundle_digest), dim)


def read_vectors(folder: Path) -> HalfVectors:
    """Map the vectors; raises IndexCorruptError."""
    try:
        return map_halves(folder / VECTORS)
    except (OSError, ValueError) as exc:
        raise _unreadable(folder / VECTORS) from exc


def read_table(folder: Path) -> pa.Table:
    """Map the table of image and product ids; raises IndexCorruptError."""
    path = folder / PRODUCTS
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowException) as exc:
        raise _unreadable(path) from exc


def write_manifest(folder: Path, manifest: SnapshotManifest) -> None:
    """Write what a snapshot says of itself, and the checksum of that; raises OSError."""
    said = manifest.model_dump(mode="json")
    (folder / MANIFEST).write_text(
        json.dumps({**said, "digest": _canonical(said)}, indent=2) + "\n"
    )


def read_manifest(folder: Path) -> SnapshotManifest:
    """Read what a snapshot says of itself; raises IndexCorruptError."""
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text())
        digest = raw.pop("digest", None)  # manifests of before there was one have none
        if raw["schema_version"] != SNAPSHOT_SCHEMA:
            raise IndexCorruptError(
                f"{path} has schema {raw['schema_version']}, this Vitrine reads {SNAPSHOT_SCHEMA}: "
                "run `vitrine reindex` again"
            )
        if digest not in (None, _canonical(raw)):
            raise IndexCorruptError(
                f"{path} is damaged (its checksum differs from what it says): "
                "run `vitrine reindex` again"
            )
        return SnapshotManifest.model_validate(raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as exc:
        raise IndexCorruptError(
            f"{path} cannot be read as a snapshot manifest: run `vitrine reindex` again"
        ) from exc


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a snapshot but its manifest; raises OSError."""
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:
        return dict(zip(FILES, pool.map(_digest, (folder / name for name in FILES)), strict=True))


def check_digests(folder: Path, said: Mapping[str, str], *, give_way: bool = False) -> None:
    """Read every byte of a snapshot; raises IndexCorruptError for the first file that differs.

    Args:
        folder: Where it is.
        said: SHA-256 of each file, in hex.
        give_way: Whether other threads go first.
    """
    priority = _give_way if give_way else None
    with ThreadPoolExecutor(_HASHING_THREADS, initializer=priority) as pool:
        found = pool.map(_digest_or_none, (folder / name for name in FILES))
        for name, digest in zip(FILES, found, strict=True):
            if said.get(name) != digest:
                raise IndexCorruptError(
                    f"{folder / name} is missing or damaged (its checksum differs from the "
                    "manifest): run `vitrine reindex` again"
                )


class Column(Sequence[str]):
    """An Arrow column of strings, read one by one from the memory map.

    Straight from its buffers, offsets and text: Arrow makes objects of each cell on the way.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._length = len(column)
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        self._starts = [0, *itertools.accumulate(map(len, chunks))][:-1]
        self._chunks = [_buffers(chunk) for chunk in chunks]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            raise TypeError("rows are read one by one")
        if not 0 <= row < self._length:
            raise IndexError(f"no row {row} among {self._length:,}")
        chunk = bisect_right(self._starts, row) - 1
        ends, text = self._chunks[chunk]
        place = row - self._starts[chunk]
        return str(text[ends[place] : ends[place + 1]], "utf-8")


def _buffers(chunk: pa.StringArray) -> tuple[memoryview, memoryview]:
    """Return where each of its strings begins, and the last ends, in the text of all of them."""
    _, ends, text = chunk.buffers()
    first = chunk.offset
    return memoryview(ends).cast("i")[first : first + len(chunk) + 1], memoryview(text)


def _give_way() -> None:
    """Let this thread wait for others: a process that serves must not notice a swap."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        thread = threading.get_native_id()
        # To be less patient than the process is already, as compaction, takes a privilege.
        patience = max(_PATIENT, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, patience)


def _canonical(said: Mapping[str, object]) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _unreadable(path: Path) -> IndexCorruptError:
    return IndexCorruptError(f"{path} cannot be read: run `vitrine reindex` again")


def _digest_or_none(path: Path) -> str | None:
    try:
        return _digest(path)
    except OSError:
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
