"""Prepared rows into the store, in batches: pixels -> encoder -> vectors, merged with their rows.

Everything embedded is durable with the rows that led to it: an interrupted run loses at most a
batch, and the next one embeds only what is missing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.core.receipts import RunRecord
from service.core.store import CatalogRun, ProductStore, SeenRow, ThumbnailStore
from service.core.types import Encoder, Failure, Pixels, Thumbnail
from service.pipeline.preparing import Prepared

BATCH = 32
MERGED_ROWS = 1024
_REMEMBERED_FAILURES = 100
_REMEMBERED_REASONS = 1000


@dataclass(slots=True)
class Tally:
    """Counts of a run so far, of pictures; of failures the first ones, and their reasons."""

    seen: int = 0
    embedded: int = 0
    reused: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def fail(self, failure: Failure) -> None:
        """Count a picture that could not be had."""
        self.failed += 1
        if len(self.failures) < _REMEMBERED_FAILURES:
            self.failures.append(failure)
        if failure.reason in self.reasons or len(self.reasons) < _REMEMBERED_REASONS:
            self.reasons[failure.reason] += 1


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What came since the last merge: rows, and of new pictures pixels and small copies by id."""

    rows: list[SeenRow] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    pixels: dict[str, Pixels] = field(default_factory=dict)
    thumbnails: dict[str, Thumbnail] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return (
            len(self.pixels) >= BATCH
            or len(self.thumbnails) >= BATCH
            or len(self.rows) + len(self.kept) >= MERGED_ROWS
        )

    def clear(self) -> None:
        for part in (self.rows, self.kept, self.failures, self.pixels, self.thumbnails):
            part.clear()


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes the rows of one run.

    Attributes:
        dry: Nothing is embedded; what would be is counted.
    """

    encoder: Encoder
    store: ProductStore
    thumbnails: ThumbnailStore
    run: CatalogRun
    record: RunRecord
    dry: bool
    tally: Tally = field(default_factory=Tally)
    _waiting: _Waiting = field(default_factory=_Waiting)
    _imagined: set[int] = field(default_factory=set)

    def take(self, rows: Sequence[Prepared]) -> None:
        """Count some rows, and merge when a batch is full."""
        for row in rows:
            self._take(row)
            if self._waiting.full:
                self.flush()

    def flush(self) -> None:
        """Embed what is waiting, and make it durable with its rows."""
        waiting, vectors = self._waiting, self._vectors()
        if waiting.thumbnails:
            self.thumbnails.put_many(waiting.thumbnails)
        if waiting.rows:
            self.run.merge(waiting.rows, vectors)
        if waiting.kept:
            self.run.keep(waiting.kept)
        if waiting.failures:
            self.record.add_failures(waiting.failures)
        waiting.clear()

    def _take(self, row: Prepared) -> None:
        waiting, tally = self._waiting, self.tally
        tally.seen += row.pictured
        if row.kept:
            tally.reused += row.pictured
            waiting.kept.append(row.product.id)
            return
        waiting.rows.append(SeenRow(row.product, row.image_id, row.download))
        if row.failure is not None:
            tally.fail(row.failure)
            waiting.failures.append(row.failure)
            waiting.kept.append(row.product.id)  # it loses no picture to one that failed
        if row.image_id is None:
            return
        if row.thumbnail is not None:
            waiting.thumbnails[row.image_id] = row.thumbnail
        if row.pixels is None or self._is_known(row.image_id):
            tally.reused += 1
            return
        tally.embedded += 1
        if self.dry:
            self._imagined.add(_short(row.image_id))
        else:
            waiting.pixels[row.image_id] = row.pixels

    def _is_known(self, image_id: str) -> bool:
        """Whether a picture was embedded since the pool looked, or is about to be."""
        if image_id in self._waiting.pixels or _short(image_id) in self._imagined:
            return True
        return bool(self.store.embedded([image_id], self.encoder.bundle_digest))

    def _vectors(self) -> dict[str, NDArray[np.float32]]:
        pixels = self._waiting.pixels
        if not pixels:
            return {}
        vectors = self.encoder.encode(np.stack(list(pixels.values())))
        return dict(zip(pixels, vectors, strict=True))


def _short(image_id: str) -> int:
    """Return 64 bits of a digest: a dry run remembers every picture that is new to it."""
    return int(image_id[:16], 16)
