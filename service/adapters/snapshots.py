"""Versions of the index on disk: built beside, measured, verified, made current by one rename.

    rows of a view -> vectors.f16.npy, products.arrow -> centralised, if so asked
                 -> index.faiss -> swept for its search point
                 -> attributes.arrow, product_rows.npy
                 -> manifest.json, checksums -> synced, renamed -> read back

DATA/snapshots/v000007/  manifest.json  index.faiss  vectors.f16.npy  products.arrow
                         attributes.arrow  product_rows.npy
DATA/CURRENT             the serving version, and those before it
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from service.adapters.centralizing import centralize
from service.adapters.current_file import CurrentFile, sync
from service.adapters.faiss_files import build_index, read_finder
from service.adapters.faiss_index import FaissIndex
from service.adapters.index_kinds import spec_for
from service.adapters.index_sweep import sweep
from service.adapters.product_columns import read_products
from service.adapters.product_table import write_products
from service.adapters.snapshot_files import (
    INDEX,
    VECTORS,
    Column,
    check_digests,
    digests,
    read_manifest,
    read_table,
    read_vectors,
    write_manifest,
    write_rows,
)
from service.core.errors import IndexCorruptError, StoreError
from service.core.index_choice import BY_SIZE, BuildOn, IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt, SearchPoint, SnapshotManifest
from service.core.operating_points import choose
from service.core.snapshot import KeptVersion, Snapshot
from service.core.store import CatalogView

_KEEP = 3
_NAME = re.compile(r"v\d{6,}")


class SnapshotFolder:
    """Satisfies `SnapshotStore` over a data directory."""

    def __init__(self, data_dir: Path, *, build_on: BuildOn = BuildOn.CPU) -> None:
        """Look at a data directory.

        Args:
            data_dir: The folder, which need not be there.
            build_on: What new versions are built on.
        """
        self._build_on = build_on
        self._root = data_dir / "snapshots"
        self._current = CurrentFile(data_dir / "CURRENT")
        self._loaded = False

    def current(self) -> int | None:
        """Return the serving version, or None before the first reindex."""
        history = self._current.history()
        return history[0] if history else None

    def history(self) -> tuple[int, ...]:
        """Return the serving version and those that served before it, newest first."""
        return self._current.history()

    def manifests(self) -> list[SnapshotManifest]:
        """Return what every version says of itself, oldest first; unreadable ones are left out."""
        return [kept.manifest for kept in self.kept() if kept.manifest]

    def kept(self) -> list[KeptVersion]:
        """Look at every version there is, oldest first; those that cannot be read too."""
        return [_looked_at(version, self._folder(version)) for version in sorted(self._versions())]

    def manifest(self, version: int) -> SnapshotManifest:
        """Return what a version says of itself, unverified; raises IndexCorruptError."""
        return read_manifest(self._folder(version))

    def load(self, version: int) -> Snapshot:
        """Read a version and check it against its manifest; raises IndexCorruptError.

        The first one is waited for. Those after it are checked by threads that give way to others,
        for one serves meanwhile, whose searches must not notice.
        """
        folder = self._folder(version)
        manifest = read_manifest(folder)
        check_digests(folder, manifest.files, give_way=self._loaded)
        finder = read_finder(folder / INDEX, manifest.index_factory, manifest.dim)
        vectors, table = read_vectors(folder), read_table(folder)
        fields, product_rows = read_products(folder)
        said = (manifest.version, *[manifest.rows] * 4, manifest.products, *[manifest.dim] * 2)
        rows = (len(finder), len(vectors), len(table), len(product_rows))
        found = (version, *rows, len(fields), finder.dim, vectors.dim)
        if said != found:
            raise IndexCorruptError(
                f"{folder} contradicts itself: its manifest says version, rows (of index, vectors, "
                f"ids, products' numbers), products and dim (of index, vectors) {said}, its files "
                f"{found}: run `vitrine reindex` again"
            )
        self._loaded = True
        return Snapshot(
            manifest=manifest,
            index=FaissIndex(finder, vectors, manifest.chosen.search),
            image_ids=Column(table["image_id"]),
            product_ids=Column(table["product_id"]),
            vectors=vectors,
            product_rows=product_rows,
            fields=fields,
        )

    def build(
        self,
        view: CatalogView,
        bundle: BundleManifest,
        receipt: Receipt,
        choice: IndexChoice = BY_SIZE,
    ) -> Snapshot:
        """Write a new version from one moment of the catalogue and read it back, not yet current.

        Raises:
            StoreError: The folder cannot be written.
            IndexChoiceError: The kind that was asked for cannot be built of these vectors.
            IndexCorruptError: What was written cannot be read back.
        """
        with self._writing():
            version = self._write(view, bundle, receipt, choice)
        return self.load(version)

    def promote(self, version: int) -> None:
        """Make a version current, atomically and durably; old versions beyond three are removed."""
        with self._writing():
            self._current.promote(version)
        kept = set(self.history()[:_KEEP])
        self._remove({v for v in self._versions() if v < version} - kept)

    def roll_back(self) -> int | None:
        """Make the version current that served before; return it, or None where there is none."""
        with self._writing():
            return self._current.roll_back()

    def prune(self, keep: int) -> list[int]:
        """Remove all but the serving version and those before it, `keep` in all; return which."""
        extra = set(self._versions()) - set(self.history()[:keep])
        self._remove(extra)
        return sorted(extra)

    def _remove(self, versions: set[int]) -> None:
        with self._writing():
            self._current.forget(versions)
        for version in versions:
            shutil.rmtree(self._folder(version), ignore_errors=True)

    def _write(
        self, view: CatalogView, bundle: BundleManifest, receipt: Receipt, choice: IndexChoice
    ) -> int:
        version = max(self._versions(), default=0) + 1
        folder = self._folder(version)
        building = folder.with_name(f".{folder.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        try:
            manifest = _build(building, version, view, bundle, receipt, choice, self._build_on)
            write_manifest(building, manifest)
            for path in (*building.iterdir(), building):
                sync(path)
            building.rename(folder)
            sync(self._root)
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


def _looked_at(version: int, folder: Path) -> KeptVersion:
    manifest, sizes = None, {}
    with suppress(OSError):  # it may be removed meanwhile
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    with suppress(IndexCorruptError):
        manifest = read_manifest(folder)
    whole = manifest is not None and manifest.files.keys() <= sizes.keys()
    return KeptVersion(version, manifest, sum(sizes.values()), whole)


def _build(
    folder: Path,
    version: int,
    view: CatalogView,
    bundle: BundleManifest,
    receipt: Receipt,
    choice: IndexChoice,
    build_on: BuildOn,
) -> SnapshotManifest:
    """Write every file but the manifest, and return that."""
    digest = bundle_digest(bundle)
    write_rows(folder, view, digest, bundle.dim)
    products = write_products(folder, view)
    vectors = read_vectors(folder)
    spec = spec_for(choice, len(vectors), bundle.dim)
    if choice.centralize:
        vectors = centralize(folder / VECTORS, spec.factory, choice, build_on)
    built_on = build_index(spec.factory, vectors, folder / INDEX, build_on)
    finder = read_finder(folder / INDEX, spec.factory, bundle.dim)
    points = sweep(FaissIndex(finder, vectors, SearchPoint()), vectors, choice.target_recall)
    return SnapshotManifest(
        version=version,
        bundle_digest=digest,
        bundle_name=bundle.name,
        dim=bundle.dim,
        rows=len(vectors),
        products=products,
        index_asked=choice.kind,
        index_kind=spec.kind,
        index_factory=spec.factory,
        built_on=built_on,
        bytes_per_vector=round((folder / INDEX).stat().st_size / max(len(vectors), 1), 1),
        target_recall=choice.target_recall,
        operating_points=tuple(points),
        chosen=choose(points, choice.target_recall),
        centralize=choice.centralize,
        sequence=view.sequence(),
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files=digests(folder),
        receipt=receipt,
    )
