"""Versions of the index on disk: built beside, verified, made current by one rename.

DATA/snapshots/v000007/  manifest.json  index.faiss  vectors.f16.npy  products.arrow
                         attributes.arrow  product_rows.npy
DATA/CURRENT             the serving version
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import ValidationError

from service.adapters.faiss_index import FlatBuilder, read_index
from service.adapters.product_columns import read_products
from service.adapters.product_table import PRODUCT_FILES, write_products
from service.core.errors import IndexCorruptError, StoreError
from service.core.keys import bundle_digest
from service.core.manifest import SNAPSHOT_SCHEMA, BundleManifest, Receipt, SnapshotManifest
from service.core.types import ProductStore, Snapshot

_BATCH = 4096
_KEEP = 3
_NAME = re.compile(r"v\d{6,}")
_FILES = ("index.faiss", "vectors.f16.npy", "products.arrow", *PRODUCT_FILES)
_COLUMNS = pa.schema([("image_id", pa.string()), ("product_id", pa.string())])


class SnapshotFolder:
    """Satisfies `SnapshotStore` over a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "snapshots"
        self._current = data_dir / "CURRENT"

    def current(self) -> int | None:
        """Return the serving version, or None before the first reindex."""
        try:
            return int(self._current.read_text().strip().removeprefix("v"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise IndexCorruptError(
                f"{self._current} does not name a version: run `vitrine reindex` again"
            ) from exc

    def load(self, version: int) -> Snapshot:
        """Read a version and check it against its manifest; raises IndexCorruptError."""
        folder = self._folder(version)
        manifest = _read_manifest(folder)
        for name in _FILES:
            path = folder / name
            if manifest.files.get(name) != _digest_or_none(path):
                raise IndexCorruptError(
                    f"{path} is missing or damaged (its checksum differs from the manifest): "
                    "run `vitrine reindex` again"
                )
        index = read_index(folder / "index.faiss")
        table = _read_table(folder / "products.arrow")
        fields, product_rows = read_products(folder)
        vectors = _mapped(folder / "vectors.f16.npy")
        said = (manifest.version, *[manifest.rows] * 4, manifest.products, manifest.dim)
        held = (len(index), len(table), len(vectors), len(product_rows))
        found = (version, *held, len(fields), index.dim)
        if said != found:
            raise IndexCorruptError(
                f"{folder} contradicts itself: its manifest says version, vectors, rows, halved "
                f"vectors, rows of products, products and dim {said}, its files {found}: "
                "run `vitrine reindex` again"
            )
        return Snapshot(
            manifest=manifest,
            index=index,
            image_ids=_Column(table["image_id"]),
            product_ids=_Column(table["product_id"]),
            vectors=vectors,
            product_rows=product_rows,
            fields=fields,
        )

    def build(self, store: ProductStore, bundle: BundleManifest, receipt: Receipt) -> Snapshot:
        """Write a new version from the store's vectors and read it back, not yet current.

        Raises:
            StoreError: The folder cannot be written.
            IndexCorruptError: What was written cannot be read back.
        """
        with self._writing():
            version = self._write(store, bundle, receipt)
        return self.load(version)

    def promote(self, version: int) -> None:
        """Make a version current, atomically and durably; old versions beyond three are removed."""
        beside = self._current.with_name("CURRENT.tmp")
        with self._writing():
            beside.write_text(f"v{version:06d}\n")
            _sync(beside)
            os.replace(beside, self._current)
            _sync(self._current.parent)
        for old in sorted(v for v in self._versions() if v <= version)[:-_KEEP]:
            shutil.rmtree(self._folder(old), ignore_errors=True)

    def _write(self, store: ProductStore, bundle: BundleManifest, receipt: Receipt) -> int:
        version = max(self._versions(), default=0) + 1
        folder = self._folder(version)
        building = folder.with_name(f".{folder.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        try:
            sequence = store.sequence()
            rows, products = _write_rows(building, store, bundle)
            write_products(building, store)
            manifest = SnapshotManifest(
                version=version,
                bundle_digest=bundle_digest(bundle),
                bundle_name=bundle.name,
                dim=bundle.dim,
                rows=rows,
                products=products,
                index_factory=FlatBuilder.factory,
                sequence=sequence,
                built_at=datetime.now(UTC).isoformat(timespec="seconds"),
                files={name: _digest(building / name) for name in _FILES},
                receipt=receipt,
            )
            (building / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n")
            for path in (*building.iterdir(), building):
                _sync(path)
            building.rename(folder)
            _sync(self._root)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return version

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            where = exc.filename or self._root
            raise StoreError(f"{where} cannot be written: {exc.strerror or exc}") from exc

    def _folder(self, version: int) -> Path:
        return self._root / f"v{version:06d}"

    def _versions(self) -> list[int]:
        return [int(path.name[1:]) for path in self._root.glob("v*") if _NAME.fullmatch(path.name)]


def _write_rows(folder: Path, store: ProductStore, bundle: BundleManifest) -> tuple[int, int]:
    """Stream the store's rows into index, vectors and table; count rows and their products."""
    digest = bundle_digest(bundle)
    rows = store.count_rows(digest)
    builder = FlatBuilder(bundle.dim)
    header = {"descr": "<f2", "fortran_order": False, "shape": (rows, bundle.dim)}
    with (
        # Written, not mapped: a full disk is then an error, and not a SIGBUS.
        (folder / "vectors.f16.npy").open("wb") as vectors,
        pa.OSFile(str(folder / "products.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, _COLUMNS) as table,
    ):
        np.lib.format.write_array_header_1_0(vectors, header)
        for part in store.rows(digest, _BATCH):
            builder.add(part.vectors)
            vectors.write(part.vectors.astype("<f2").tobytes())
            table.write(pa.record_batch([part.image_ids, part.product_ids], schema=_COLUMNS))
    builder.write(folder / "index.faiss")
    return rows, pc.count_distinct(_read_table(folder / "products.arrow")["product_id"]).as_py()


def _read_table(path: Path) -> pa.Table:
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowException) as exc:
        raise IndexCorruptError(f"{path} cannot be read: run `vitrine reindex` again") from exc


def _mapped(path: Path) -> NDArray[np.float16]:
    try:
        array: NDArray[np.float16] = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as exc:
        raise IndexCorruptError(f"{path} cannot be read: run `vitrine reindex` again") from exc
    return array


def _read_manifest(folder: Path) -> SnapshotManifest:
    path = folder / "manifest.json"
    try:
        raw = json.loads(path.read_text())
        if raw["schema_version"] != SNAPSHOT_SCHEMA:
            raise IndexCorruptError(
                f"{path} has schema {raw['schema_version']}, this Vitrine reads {SNAPSHOT_SCHEMA}: "
                "run `vitrine reindex` again"
            )
        return SnapshotManifest.model_validate(raw)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as exc:
        raise IndexCorruptError(
            f"{path} cannot be read as a snapshot manifest: run `vitrine reindex` again"
        ) from exc


def _digest_or_none(path: Path) -> str | None:
    try:
        return _digest(path)
    except OSError:
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Column(Sequence[str]):
    """An Arrow column of strings, read one by one from the memory map."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            raise TypeError("rows are read one by one")
        value: str = self._column[row].as_py()
        return value
