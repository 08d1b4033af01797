"""The catalogue flow, top to bottom.

    source rows -> bytes -> digest -> known? | decode -> preprocess -> encoder -> store
                -> snapshot vN+1 -> read back and verified -> promoted

Reading and decoding run in a pool a window ahead of the encoder, in row order, so that memory
depends on the window and not on the catalogue. Everything embedded is committed batch by batch: an
interrupted run loses at most a batch and the next one embeds only what is missing.
"""

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from service.core.errors import (
    CatalogSourceError,
    CorruptImageError,
    FetchError,
    InvalidImageError,
    ReindexFailedError,
)
from service.core.image import ImageLimits
from service.core.keys import image_digest
from service.core.manifest import Receipt
from service.core.preprocess import decode_for, preprocess
from service.core.thumbnails import thumbnail
from service.core.types import (
    CatalogRow,
    CatalogSource,
    Encoder,
    Failure,
    ImageFetcher,
    ImageRef,
    Pixels,
    Product,
    ProductStore,
    Snapshot,
    SnapshotStore,
    Thumbnail,
    ThumbnailStore,
)

_BATCH = 32
_WINDOW = 4 * _BATCH
_COMMIT_ROWS = 1024


class ThumbnailPolicy(StrEnum):
    """Of which pictures a small copy is kept: those not behind a URL, all, or none."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """What a run may do.

    Attributes:
        max_failed: Share of the pictures that may fail before nothing is promoted, 0-1.
        delete_missing: Remove products that the source no longer has.
        thumbnails: Of which pictures a small copy is kept.
    """

    max_failed: float = 0.01
    delete_missing: bool = False
    thumbnails: ThumbnailPolicy = ThumbnailPolicy.AUTO
    limits: ImageLimits = field(default_factory=ImageLimits)

    def keeps_thumbnail_of(self, image: ImageRef) -> bool:
        """Whether a small copy of this picture is wanted."""
        return self.thumbnails is ThumbnailPolicy.ON or (
            self.thumbnails is ThumbnailPolicy.AUTO and image.url is None
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did; `snapshot` is what now serves."""

    receipt: Receipt
    failures: list[Failure]
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A row on its way; `pixels` and `thumbnail` are None where they are not needed."""

    product: Product
    image_id: str | None = None
    pixels: Pixels | None = None
    thumbnail: Thumbnail | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Pictures decoded but not yet kept, by image id."""

    pixels: dict[str, Pixels] = field(default_factory=dict)
    thumbnails: dict[str, Thumbnail] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return max(len(self.pixels), len(self.thumbnails)) >= _BATCH

    def clear(self) -> None:
        self.pixels.clear()
        self.thumbnails.clear()


@dataclass(slots=True)
class _Counts:
    products: int = 0
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
        """
        start = time.monotonic()
        try:
            counts, removed = self._update_store(source, options, on_progress)
        except BaseException:
            self.store.rollback()
            raise
        receipt = Receipt(
            products=counts.products,
            seen=counts.seen,
            embedded=counts.embedded,
            reused=counts.reused,
            failed=len(counts.failures),
            removed_products=removed,
            seconds=round(time.monotonic() - start, 2),
        )
        snapshot = self.snapshots.build(self.store, self.encoder.manifest, receipt)
        self.snapshots.promote(snapshot.manifest.version)
        return Outcome(receipt, counts.failures, snapshot)

    def _update_store(
        self, source: CatalogSource, options: ReindexOptions, on_progress: Callable[[int], None]
    ) -> tuple[_Counts, int]:
        run = self.store.begin_run()
        counts = _Counts()
        waiting = _Waiting()
        with closing(self._prepared(source, options)) as rows:
            for done, prepared in enumerate(rows, start=1):
                counts.products += self.store.put(prepared.product, run)
                self._count(prepared, waiting, counts, run)
                if waiting.full or done % _COMMIT_ROWS == 0:
                    self._embed(waiting)
                on_progress(1)
        self._embed(waiting)
        _check(counts, options)
        return counts, self.store.finish_run(run, delete_missing=options.delete_missing)

    def _prepared(
        self, source: CatalogSource, options: ReindexOptions
    ) -> Generator[_Prepared, None, None]:
        """Yield rows in order, read and decoded by a pool at most a window ahead."""
        ahead: deque[Future[_Prepared]] = deque()
        pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")
        try:
            for row in source.rows():
                ahead.append(pool.submit(self._prepare, row, options))
                if len(ahead) >= _WINDOW:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            # An interrupted run does not wait for a window of downloads.
            pool.shutdown(cancel_futures=True)

    def _prepare(self, row: CatalogRow, options: ReindexOptions) -> _Prepared:
        if row.image is None:
            return _Prepared(row.product)
        try:
            data = self._read(row.image, options.limits)
            image_id = image_digest(data)
            embedded = self._embedded(image_id)
            shown = options.keeps_thumbnail_of(row.image) and not self.thumbnails.has(image_id)
            if embedded and not shown:
                return _Prepared(row.product, image_id)
            spec = self.encoder.manifest.preprocess
            image = decode_for(spec, data, options.limits)
            return _Prepared(
                row.product,
                image_id,
                pixels=None if embedded else preprocess(spec, image),
                thumbnail=thumbnail(data, image) if shown else None,
            )
        except (InvalidImageError, FetchError) as exc:
            failure = Failure(row.product.id, str(row.image), exc.code, str(exc))
            return _Prepared(row.product, failure=failure)

    def _read(self, image: ImageRef, limits: ImageLimits) -> bytes:
        if image.data is not None:
            return image.data
        if image.url is not None:
            return self.fetcher.fetch(image.url)
        assert image.path is not None  # one of the three is set
        try:
            with image.path.open("rb") as file:
                # One byte past the limit is enough for the decoder to refuse it.
                return file.read(limits.max_bytes + 1)
        except OSError as exc:
            raise CorruptImageError(f"cannot be read: {exc.strerror or exc}") from exc

    def _embedded(self, image_id: str) -> bool:
        return self.store.has_embedding(image_id, self.encoder.bundle_digest)

    def _count(self, prepared: _Prepared, waiting: _Waiting, counts: _Counts, run: int) -> None:
        if prepared.failure:
            counts.seen += 1
            counts.failures.append(prepared.failure)
        image_id = prepared.image_id
        if image_id is None:
            return
        counts.seen += 1
        self.store.add_image(prepared.product.id, image_id, run)
        if prepared.thumbnail is not None:
            waiting.thumbnails[image_id] = prepared.thumbnail
        # The pool may have decoded a picture that was still on its way into the store.
        pixels = prepared.pixels
        if pixels is None or image_id in waiting.pixels or self._embedded(image_id):
            counts.reused += 1
        else:
            counts.embedded += 1
            waiting.pixels[image_id] = pixels

    def _embed(self, waiting: _Waiting) -> None:
        """Encode what is waiting and commit it with the rows that led to it."""
        if waiting.thumbnails:
            self.thumbnails.put_many(waiting.thumbnails)
        if waiting.pixels:
            vectors = self.encoder.encode(np.stack(list(waiting.pixels.values())))
            pairs = dict(zip(waiting.pixels, vectors, strict=True))
            self.store.put_embeddings(self.encoder.bundle_digest, pairs)
        self.store.commit()
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
