"""One version of the index, and the Protocols of its parts.

    CatalogView -> SnapshotStore.build -> Snapshot: index, vectors, ids, fields -> searches

Adapters satisfy the Protocols and pass one contract suite (tests/contract).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from service.core.filters import Filter
from service.core.index_choice import BY_SIZE, IndexChoice
from service.core.manifest import BundleManifest, Receipt, SnapshotManifest
from service.core.product_kinds import FieldKind
from service.core.store import CatalogView
from service.core.types import AttributeValue, Vectors


class VectorIndex(Protocol):
    """Nearest neighbours by cosine similarity; searches in parallel are safe."""

    def __len__(self) -> int:
        """Vectors held."""
        ...

    def search(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return similarities and row numbers, both (n, k), best first.

        `rows`, (len,), marks the only rows that may be found; None is all. k is `limit`, or their
        number if that is less: an approximate index looks harder the fewer are marked, and reads
        every one of them before it returns too few.
        """
        ...

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how `search` goes about `kept` marked rows: reads each, or selects as it looks."""
        ...


class ProductFields(Protocol):
    """The fields of a snapshot's products, numbered from 0; docs/filters.md has the semantics."""

    def __len__(self) -> int:
        """Products there are."""
        ...

    def kinds(self) -> Mapping[str, FieldKind]:
        """Return what each field holds, by name: those of every product, then the others."""
        ...

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        """Return which products match, (products,).

        Raises:
            InvalidFilterError: There is no such field, or its values cannot be compared so.
        """
        ...

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return a field of these products; None where it is missing.

        Raises:
            InvalidFilterError: There is no such field.
        """
        ...


class IndexedVectors(Protocol):
    """The vectors that an index was built from; parallel reads are safe."""

    def __len__(self) -> int:
        """Vectors held."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the (m, dim) vectors of m rows."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One immutable version of the index, loaded; row i of all belongs together.

    Attributes:
        product_rows: (rows,) int32, the number of each row's product in `fields`.
    """

    manifest: SnapshotManifest
    index: VectorIndex
    image_ids: Sequence[str]
    product_ids: Sequence[str]
    vectors: IndexedVectors
    product_rows: NDArray[np.int32]
    fields: ProductFields

    @property
    def sequence(self) -> int:
        """Number of the write up to which everything is shown."""
        return self.manifest.sequence

    @property
    def rows(self) -> int:
        """Pictures that may be found."""
        return len(self.index)

    @property
    def products(self) -> int:
        """Products that may be found."""
        return len(self.fields)

    @property
    def delta_rows(self) -> int:
        """Pictures written since it was built, of which it knows none."""
        return 0

    @property
    def dead_rows(self) -> int:
        """Pictures that are passed over, none either."""
        return 0


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A version on disk, by a look at its folder; every byte is read when it is loaded.

    Attributes:
        manifest: What it says of itself; None where that cannot be read.
        size: Of all its files, in bytes.
        whole: Whether its manifest is sound, and every file that it names is there.
    """

    version: int
    manifest: SnapshotManifest | None
    size: int
    whole: bool


class SnapshotStore(Protocol):
    """Versions of the index on disk, one of which is current."""

    def current(self) -> int | None:
        """Return the serving version, or None before the first reindex."""
        ...

    def load(self, version: int) -> Snapshot:
        """Read and verify a version; raises IndexCorruptError."""
        ...

    def manifest(self, version: int) -> SnapshotManifest:
        """Return what a version says of itself, unverified; raises IndexCorruptError."""
        ...

    def build(
        self,
        view: CatalogView,
        bundle: BundleManifest,
        receipt: Receipt,
        choice: IndexChoice = BY_SIZE,
    ) -> Snapshot:
        """Write a new version from one moment of the catalogue and read it back, not yet current.

        Raises:
            IndexChoiceError: The kind that was asked for cannot be built of these vectors.
        """
        ...

    def promote(self, version: int) -> None:
        """Make a version current, atomically and durably."""
        ...

    def manifests(self) -> list[SnapshotManifest]:
        """Return what every version says of itself, oldest first; unreadable ones are left out."""
        ...

    def kept(self) -> list[KeptVersion]:
        """Look at every version there is, oldest first; those that cannot be read too."""
        ...

    def history(self) -> tuple[int, ...]:
        """Return the serving version and those that served before it, newest first."""
        ...

    def roll_back(self) -> int | None:
        """Make the version current that served before; return it, or None where there is none."""
        ...
