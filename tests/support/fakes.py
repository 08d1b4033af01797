"""Fakes that keep the Protocols' promises: small, in memory, held to the contract suites."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.core.caching import CacheCounts
from service.core.errors import FetchError, IndexCorruptError, InvalidFilterError
from service.core.events import Event, KeptEvent
from service.core.filters import Condition, Exists, Filter, OneOf, Range, text_of
from service.core.index_choice import BY_SIZE, IndexChoice
from service.core.keys import bundle_digest, image_digest
from service.core.manifest import (
    BundleManifest,
    Head,
    ImageTower,
    PreprocessSpec,
    Receipt,
    SnapshotManifest,
    Tier,
)
from service.core.product_kinds import FieldKind
from service.core.receipts import RunReport
from service.core.snapshot import KeptVersion, Snapshot
from service.core.store import CatalogView
from service.core.types import (
    FIELDS,
    AttributeValue,
    CatalogRow,
    Download,
    Failure,
    Pixels,
    Product,
    Scalar,
    Thumbnail,
    Validators,
    Vectors,
)

_GRID = 4


def fake_manifest(
    *, seed: int = 0, dim: int = 32, size: int = 32, heads: bool = False
) -> BundleManifest:
    """A bundle of one tier whose digest depends on the seed; with heads also calibrated."""
    colour = Head(output="head_colour", name="colour", labels=("Red", "Green", "Blue"))
    return BundleManifest(
        name=f"fake-{seed}",
        version="1",
        licence="Apache-2.0",
        dim=dim,
        image=ImageTower(tiers=(Tier(file="image.onnx", patch=8, tokens=16, gflops=0.0),)),
        preprocess=PreprocessSpec(size=size),
        files={"image.onnx": f"{seed:064x}"},
        heads=(colour,) if heads else (),
        calibration={"slope": 10.0, "intercept": -7.0} if heads else None,
    )


class FakeEncoder:
    """Mean colours of a 4x4 grid through a fixed random matrix: like pictures, like vectors.

    `batches` keeps the size of every run. The head, where wanted, says which colour prevails.
    """

    provider = "cpu"

    def __init__(
        self, *, seed: int = 0, dim: int = 32, size: int = 32, heads: bool = False
    ) -> None:
        self.manifest = fake_manifest(seed=seed, dim=dim, size=size, heads=heads)
        self.bundle_digest = bundle_digest(self.manifest)
        self.tier = self.manifest.image.tiers[0]
        self.batches: list[int] = []
        rng = np.random.default_rng(seed)
        self._matrix = rng.normal(size=(_GRID * _GRID * 3, dim)).astype(np.float32)

    def encode(self, images: Pixels) -> Vectors:
        n, h, w, c = images.shape
        self.batches.append(n)
        cells = images.reshape(n, _GRID, h // _GRID, _GRID, w // _GRID, c).mean(axis=(2, 4))
        vectors = (cells.reshape(n, -1) / 255 - 0.5).astype(np.float32) @ self._matrix
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def classify(self, images: Pixels) -> tuple[Vectors, dict[str, NDArray[np.float32]]]:
        shares = np.exp(images.mean(axis=(1, 2), dtype=np.float32) / 32)
        colours = shares / shares.sum(axis=1, keepdims=True)
        return self.encode(images), {"colour": colours} if self.manifest.heads else {}


class FakeThumbnails:
    """Satisfies `ThumbnailStore`."""

    def __init__(self) -> None:
        self.kept: dict[str, Thumbnail] = {}

    def put_many(self, thumbnails: Mapping[str, Thumbnail]) -> None:
        self.kept = {**thumbnails, **self.kept}

    def get(self, image_id: str) -> Thumbnail | None:
        return self.kept.get(image_id)

    def having(self, image_ids: Collection[str]) -> set[str]:
        return set(image_ids) & self.kept.keys()


class BruteForceIndex:
    """Satisfies `VectorIndex` with one matrix product."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        kept = np.arange(len(self)) if rows is None else np.flatnonzero(rows)
        similarities = vectors @ self._vectors[kept].T
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :limit]
        return np.take_along_axis(similarities, order, axis=1), kept[order].astype(np.int64)

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        return "scan"


class FakeVectors:
    """Satisfies `IndexedVectors` with an array."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self._vectors[rows]


class FakeFields:
    """Satisfies `ProductFields` with a loop over products; the rules of docs/filters.md, plainly.

    A field is a number where all its values are; `numbers` names more, which hold digits as text.
    """

    def __init__(self, products: Sequence[Product], numbers: Collection[str] = ()) -> None:
        self._fields = [product.fields() for product in products]
        self._keys = [*FIELDS, *sorted({k for f in self._fields for k in f} - set(FIELDS))]
        self._numbers = {"price", *numbers}
        for key in self._keys[len(FIELDS) :]:
            values = [v for fields in self._fields for v in each(fields.get(key))]
            if values and all(type(v) in {int, float} for v in values):
                self._numbers.add(key)

    def __len__(self) -> int:
        return len(self._fields)

    def kinds(self) -> dict[str, FieldKind]:
        return {key: self._kind(key) for key in self._keys}

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        for condition in wanted:
            self._check(condition.key)
        return np.array([self._matches(fields, wanted) for fields in self._fields], np.bool_)

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        self._check(key)
        return [self._value(key, self._fields[product].get(key)) for product in products]

    def _value(self, key: str, value: AttributeValue | None) -> AttributeValue | None:
        kept = [float(v) if key in self._numbers else v for v in each(value)]
        if isinstance(value, tuple):
            return tuple(kept) or None
        return kept[0] if kept else None

    def _kind(self, key: str) -> FieldKind:
        if key in self._numbers:
            return "number"
        values = [v for fields in self._fields for v in each(fields.get(key))]
        truths = bool(values) and all(isinstance(v, bool) for v in values)
        return "truth" if truths and key not in FIELDS else "text"

    def _check(self, key: str) -> None:
        if key not in self._keys:
            raise InvalidFilterError(
                f"there is no field {key!r}; the fields are: {', '.join(self._keys)}"
            )

    def _matches(self, fields: dict[str, AttributeValue | None], wanted: Filter) -> bool:
        return (
            all(self._holds(fields, c) for c in wanted.must)
            and (not wanted.should or any(self._holds(fields, c) for c in wanted.should))
            and not any(self._holds(fields, c) for c in wanted.must_not)
        )

    def _holds(self, fields: dict[str, AttributeValue | None], condition: Condition) -> bool:
        values = each(fields.get(condition.key))
        match condition.test:
            case Exists(wanted):
                return bool(values) is wanted
            case Range(gt, gte, lt, lte):
                return any(
                    (gt is None or v > gt)
                    and (gte is None or v >= gte)
                    and (lt is None or v < lt)
                    and (lte is None or v <= lte)
                    for v in map(float, values)
                )
            case OneOf(wanted) if condition.key in self._numbers:
                return any(float(v) == float(w) for v in values for w in wanted)
            case OneOf(wanted) if condition.key in ("id", "url"):
                return any(v in wanted for v in values)
            case OneOf(wanted):
                return any(text_of(v).lower() == w.lower() for v in values for w in wanted)


def each(value: AttributeValue | None) -> list[Scalar]:
    """The values of a field that count: not "" and not None."""
    values = value if isinstance(value, tuple) else (value,)
    return [v for v in values if v is not None and v != ""]


class FakeSnapshots:
    """Satisfies `SnapshotStore`; `damaged` names versions that refuse to load."""

    def __init__(self) -> None:
        self.versions: dict[int, Snapshot] = {}
        self.damaged: set[int] = set()
        self._history: tuple[int, ...] = ()

    def current(self) -> int | None:
        return self._history[0] if self._history else None

    def manifests(self) -> list[SnapshotManifest]:
        return [self.versions[version].manifest for version in sorted(self.versions)]

    def kept(self) -> list[KeptVersion]:
        return [
            KeptVersion(version, snapshot.manifest, 0, version not in self.damaged)
            for version, snapshot in sorted(self.versions.items())
        ]

    def history(self) -> tuple[int, ...]:
        return self._history

    def roll_back(self) -> int | None:
        if len(self._history) < 2:
            return None
        self._history = self._history[1:]
        return self._history[0]

    def manifest(self, version: int) -> SnapshotManifest:
        return self.load(version).manifest

    def load(self, version: int) -> Snapshot:
        if version in self.damaged or version not in self.versions:
            raise IndexCorruptError(f"v{version:06d} is missing or damaged")
        return self.versions[version]

    def build(
        self,
        view: CatalogView,
        bundle: BundleManifest,
        receipt: Receipt,
        choice: IndexChoice = BY_SIZE,
    ) -> Snapshot:
        digest = bundle_digest(bundle)
        parts = list(view.rows(digest, 1000))
        product_ids = [id_ for part in parts for id_ in part.product_ids]
        unique = list(dict.fromkeys(product_ids))
        stored = view.get_many(unique)
        vectors = np.concatenate(
            [np.empty((0, bundle.dim), np.float32), *(part.vectors for part in parts)]
        )
        manifest = SnapshotManifest(
            version=max(self.versions, default=0) + 1,
            bundle_digest=digest,
            bundle_name=bundle.name,
            dim=bundle.dim,
            rows=len(product_ids),
            products=len(set(product_ids)),
            index_kind="flat" if choice.kind == "auto" else choice.kind,
            index_factory="Flat",
            index_asked=choice.kind,
            target_recall=choice.target_recall,
            centralize=choice.centralize,
            sequence=view.sequence(),
            built_at="2024-01-01T00:00:00+00:00",
            files={},
            receipt=receipt,
        )
        snapshot = Snapshot(
            manifest,
            BruteForceIndex(vectors),
            [id_ for part in parts for id_ in part.image_ids],
            product_ids,
            FakeVectors(vectors),
            np.array([unique.index(id_) for id_ in product_ids], np.int32),
            FakeFields([stored[id_].product for id_ in unique]),
        )
        self.versions[manifest.version] = snapshot
        return snapshot

    def promote(self, version: int) -> None:
        self._history = (version, *(v for v in self._history if v != version))


class FakeCache:
    """Satisfies `Cache` with a dict; `down` makes it fail as a cache does."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.down = False

        self.counts = CacheCounts(0, 0)

    @property
    def degraded(self) -> bool:
        return self.down

    def get(self, key: str) -> bytes | None:
        return self.get_many([key])[0]

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        found = [None if self.down else self.values.get(key) for key in keys]
        hits = len(keys) - found.count(None)
        counts = self.counts
        self.counts = CacheCounts(counts.hits + hits, counts.misses + found.count(None))
        return found

    def set(self, key: str, value: bytes) -> None:
        if not self.down:
            self.values[key] = value


class FakeRecords:
    """Satisfies `RunRecords`: the reports in order, and the failures kept with each."""

    failures_path = None

    def __init__(self) -> None:
        self.reports: list[RunReport] = []
        self.failures: list[Failure] = []

    @contextmanager
    def begin(self) -> Iterator["FakeRecords"]:
        self.failures = []
        yield self

    def add_failures(self, failures: Sequence[Failure]) -> None:
        self.failures += failures

    def close(self, report: RunReport) -> None:
        self.reports.append(report)


class FakeSource:
    """Satisfies `CatalogSource` over rows in memory; `read` counts those handed out."""

    def __init__(self, rows: Iterable[CatalogRow]) -> None:
        self._rows = list(rows)
        self.read = 0

    @property
    def dated(self) -> bool:
        return any(row.updated_at for row in self._rows)

    @property
    def total(self) -> int | None:
        return len(self._rows)

    def rows(self) -> Iterator[CatalogRow]:
        for row in self._rows:
            self.read += 1
            yield row


class FakeFetcher:
    """Satisfies `ImageFetcher` over a dict; any other URL fails.

    With `validators`, its pages have an ETag that is their digest. `fetched` are the URLs asked
    for, `sent` those of which bytes were.
    """

    def __init__(self, pages: Mapping[str, bytes] | None = None) -> None:
        self.pages = dict(pages or {})
        self.validators = False
        self.lock = threading.Lock()
        self.fetched: list[str] = []
        self.sent: list[str] = []

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        with self.lock:
            self.fetched.append(url)
        if url not in self.pages:
            raise FetchError("HTTP 404")
        data = self.pages[url]
        found = Validators(image_digest(data)) if self.validators else Validators()
        if known == found:
            return Download(None, found)
        with self.lock:
            self.sent.append(url)
        return Download(data, found)


class FakeEvents:
    """Satisfies `EventStore`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[KeptEvent] = []

    def add(self, events: Sequence[Event]) -> list[Event]:
        new = []
        for event in events:
            if all(
                (k.event.reporter, k.event.id) != (event.reporter, event.id) for k in self._kept
            ):
                self._kept.append(KeptEvent(datetime.now(UTC).isoformat(), event))
                new.append(event)
        self._kept = self._kept[-self._most :]
        return new

    def since(self, moment: datetime | None) -> Iterator[list[KeptEvent]]:
        found = [k for k in self._kept if not moment or datetime.fromisoformat(k.at) >= moment]
        if found:
            yield found
