"""The catalogue flow, top to bottom.

    source rows -> bytes -> digest -> known? | decode -> preprocess -> encoder -> store
                -> snapshot vN+1 -> read back and verified -> gate -> promoted

Up to the encoder, rows are prepared by a pool a window ahead (`preparing`). Everything embedded is
committed batch by batch: an interrupted run loses at most a batch and the next one embeds only what
is missing.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from service.core.errors import (
    CatalogSourceError,
    ReindexFailedError,
)
from service.core.image import ImageLimits
from service.core.index_choice import BY_SIZE, IndexChoice
from service.core.manifest import Receipt
from service.core.snapshot import Snapshot, SnapshotStore
from service.core.store import CatalogRun, ProductStore, RunTotals, SeenRow, ThumbnailStore
from service.core.types import (
    CatalogSource,
    Encoder,
    Failure,
    ImageFetcher,
    Pixels,
    Thumbnail,
)
from service.pipeline.gate import GateOptions, inspect, require
from service.pipeline.preparing import Prepared, Preparer, ThumbnailPolicy
from service.pipeline.promoting import promote

_BATCH = 32
_MERGED_ROWS = 1024


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """What a run may do.

    Attributes:
        max_failed: Share of the pictures that may fail before nothing is promoted, 0-1.
        delete_missing: Remove products that the source no longer has.
        thumbnails: Of which pictures a small copy is kept.
        index: What kind of index is built, and the recall it must reach.
        gate: What else the snapshot must be worth to go live.
    """

    max_failed: float = 0.01
    delete_missing: bool = False
    thumbnails: ThumbnailPolicy = ThumbnailPolicy.AUTO
    limits: ImageLimits = field(default_factory=ImageLimits)
    index: IndexChoice = BY_SIZE
    gate: GateOptions = field(default_factory=GateOptions)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did; `snapshot` is what now serves."""

    receipt: Receipt
    failures: list[Failure]
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Rows that are not yet kept, and what was decoded of them, by image id."""

    rows: list[SeenRow] = field(default_factory=list)
    pixels: dict[str, Pixels] = field(default_factory=dict)
    thumbnails: dict[str, Thumbnail] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        pictures = max(len(self.pixels), len(self.thumbnails))
        return pictures >= _BATCH or len(self.rows) >= _MERGED_ROWS

    def clear(self) -> None:
        self.rows.clear()
        self.pixels.clear()
        self.thumbnails.clear()


@dataclass(slots=True)
class _Counts:
    seen: int = 0
    embedded: int = 0
    reused: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reindex:
    """Everything the catalogue flow needs."""

    encoder: Encoder
    store: ProductStore
    thumbnails: ThumbnailStore
    snapshots: SnapshotStore
    fetcher: ImageFetcher

    def run(
        self,
        source: CatalogSource,
        options: ReindexOptions,
        on_progress: Callable[[int], None] = lambda rows: None,
    ) -> Outcome:
        """Bring the store up to the source and put a new snapshot in service.

        Args:
            source: The catalogue.
            options: What the run may do.
            on_progress: Called with the number of rows done since the last call.

        Raises:
            CatalogSourceError: The source cannot be read, or has no picture.
            ReindexFailedError: Too many pictures failed. What was embedded is kept for the next
                run; the serving version stays.
            IndexChoiceError: The kind of index asked for cannot be built of so few vectors.
            IndexRefusedError: The gate refused the snapshot, which is kept to be looked at.
        """
        start = time.monotonic()
        counts, totals = self._update_store(source, options, on_progress)
        receipt = Receipt(
            products=totals.products,
            seen=counts.seen,
            embedded=counts.embedded,
            reused=counts.reused,
            failed=len(counts.failures),
            removed_products=totals.removed,
            seconds=round(time.monotonic() - start, 2),
        )
        with self.store.view() as view:
            snapshot = self.snapshots.build(view, self.encoder.manifest, receipt, options.index)
            version = snapshot.manifest.version
            require(inspect(snapshot, view, self.encoder, options.gate), version)
        promote(self.snapshots, self.store, version)
        return Outcome(receipt, counts.failures, snapshot)

    def _update_store(
        self, source: CatalogSource, options: ReindexOptions, on_progress: Callable[[int], None]
    ) -> tuple[_Counts, RunTotals]:
        counts = _Counts()
        waiting = _Waiting()
        preparer = Preparer(
            encoder=self.encoder,
            store=self.store,
            thumbnails=self.thumbnails,
            fetcher=self.fetcher,
            limits=options.limits,
            policy=options.thumbnails,
        )
        with self.store.run(self.encoder.bundle_digest) as run:
            with closing(preparer.prepared(source)) as rows:
                for prepared in rows:
                    self._count(prepared, waiting, counts)
                    if waiting.full:
                        self._merge(waiting, run)
                    on_progress(1)
            self._merge(waiting, run)
            _check(counts, options)
            incomplete = {failure.product_id for failure in counts.failures}
            totals = run.finish(incomplete=incomplete, delete_missing=options.delete_missing)
        return counts, totals

    def _embedded(self, image_id: str) -> bool:
        return bool(self.store.embedded([image_id], self.encoder.bundle_digest))

    def _count(self, prepared: Prepared, waiting: _Waiting, counts: _Counts) -> None:
        waiting.rows.append(SeenRow(prepared.product, prepared.image_id))
        if prepared.failure:
            counts.seen += 1
            counts.failures.append(prepared.failure)
        image_id = prepared.image_id
        if image_id is None:
            return
        counts.seen += 1
        if prepared.thumbnail is not None:
            waiting.thumbnails[image_id] = prepared.thumbnail
        # The pool may have decoded a picture that was still on its way into the store.
        pixels = prepared.pixels
        if pixels is None or image_id in waiting.pixels or self._embedded(image_id):
            counts.reused += 1
        else:
            counts.embedded += 1
            waiting.pixels[image_id] = pixels

    def _merge(self, waiting: _Waiting, run: CatalogRun) -> None:
        """Encode what is waiting and keep it with the rows that led to it."""
        if waiting.thumbnails:
            self.thumbnails.put_many(waiting.thumbnails)
        vectors = {}
        if waiting.pixels:
            encoded = self.encoder.encode(np.stack(list(waiting.pixels.values())))
            vectors = dict(zip(waiting.pixels, encoded, strict=True))
        run.merge(waiting.rows, vectors)
        waiting.clear()


def _check(counts: _Counts, options: ReindexOptions) -> None:
    """Refuse a run that found nothing or failed too often."""
    if counts.seen == 0:
        raise CatalogSourceError("the source has no pictures; nothing was changed")
    failed = len(counts.failures)
    if failed > options.max_failed * counts.seen:
        reasons = Counter(failure.reason for failure in counts.failures)
        (reason, times), *_ = reasons.most_common(1)
        raise ReindexFailedError(
            f"{failed} of {counts.seen} pictures failed, more than --max-failed "
            f"{options.max_failed:.2%} allows; most often ({times}): {reason}. "
            "The index that was serving still serves; what was embedded is kept for the next run",
            counts.failures,
        )
