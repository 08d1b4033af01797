"""The catalogue flow, top to bottom.

    source -> rows prepared (`preparing`) -> embedded and merged (`intake`) -> finished
           -> nothing changed?  the version that serves stays
           -> snapshot vN+1 -> read back and verified -> gate -> promoted
           -> a report, and every failure, kept

A dry run ends where the store would have been finished, and has written nothing.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from service.core.errors import (
    CatalogSourceError,
    IndexChoiceError,
    IndexCorruptError,
    IndexRefusedError,
    ReindexFailedError,
)
from service.core.image import ImageLimits
from service.core.index_choice import BY_SIZE, IndexChoice
from service.core.manifest import Receipt, SnapshotManifest
from service.core.receipts import NoRecords, RunEnd, RunRecord, RunRecords, RunReport
from service.core.snapshot import SnapshotStore
from service.core.store import CatalogView, ProductStore, RunTotals, ThumbnailStore
from service.core.types import CatalogSource, Encoder, ImageFetcher
from service.pipeline.gate import GateOptions, inspect, require
from service.pipeline.intake import Intake, Tally
from service.pipeline.preparing import Preparer, ThumbnailPolicy
from service.pipeline.promoting import promote


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """What a run may do.

    Attributes:
        max_failed: Share of the pictures that may fail before nothing is promoted, 0-1.
        delete_missing: Remove products that the source no longer has.
        since: Rows that are older are kept as they are, unread; with a time zone.
        dry_run: Tell what the run would do, and write nothing.
        thumbnails: Of which pictures a small copy is kept.
        index: What kind of index is built, and the recall it must reach.
        gate: What else the snapshot must be worth to go live.
    """

    max_failed: float = 0.01
    delete_missing: bool = False
    since: datetime | None = None
    dry_run: bool = False
    thumbnails: ThumbnailPolicy = ThumbnailPolicy.AUTO
    limits: ImageLimits = field(default_factory=ImageLimits)
    index: IndexChoice = BY_SIZE
    gate: GateOptions = field(default_factory=GateOptions)


@dataclass(frozen=True, slots=True)
class Reindex:
    """Everything the catalogue flow needs."""

    encoder: Encoder
    store: ProductStore
    thumbnails: ThumbnailStore
    snapshots: SnapshotStore
    fetcher: ImageFetcher
    records: RunRecords = field(default_factory=NoRecords)

    def run(
        self,
        source: CatalogSource,
        options: ReindexOptions,
        on_progress: Callable[[int], None] = lambda rows: None,
    ) -> RunReport:
        """Bring the store up to the source; put a new snapshot in service if anything changed.

        Args:
            source: The catalogue.
            options: What the run may do.
            on_progress: Called with the number of rows done since the last call.

        Raises:
            CatalogSourceError: The source cannot be read, has no picture, or does not say when
                rows changed although `since` is given.
            ReindexFailedError: Too many pictures failed. What was embedded is kept for the next
                run; the serving version stays. A dry run reports it instead.
            IndexChoiceError: The kind of index asked for cannot be built of so few vectors.
            IndexRefusedError: The gate refused the snapshot, which is kept to be looked at.
        """
        if options.since is not None and not source.dated:
            raise CatalogSourceError(
                "--since needs to know when each row changed: name the column that says so by "
                "--map updated_at=COLUMN"
            )
        start = time.monotonic()
        with self.records.begin() as record:
            totals, tally, failed = self._update_store(source, options, record, on_progress)
            report = RunReport(
                end=RunEnd.DRY if options.dry_run else RunEnd.REFUSED,
                receipt=_receipt(totals, tally, start),
                failures=tuple(tally.failures),
                failures_file=record.failures_path,
            )
            if failed is not None:
                report = replace(report, why=str(failed))
            if failed is not None and not options.dry_run:
                record.close(report)
                raise failed
            if not options.dry_run:
                report = self._put_in_service(report, options, record)
            seconds = round(time.monotonic() - start, 2)
            final = report.receipt.model_copy(update={"seconds": seconds})
            report = replace(report, receipt=final)
            record.close(report)
            return report

    def _update_store(
        self,
        source: CatalogSource,
        options: ReindexOptions,
        record: RunRecord,
        on_progress: Callable[[int], None],
    ) -> tuple[RunTotals, Tally, ReindexFailedError | None]:
        """Merge every row; where too many pictures failed, what was merged is left unfinished."""
        dry = options.dry_run
        preparer = Preparer(
            encoder=self.encoder,
            store=self.store,
            thumbnails=self.thumbnails,
            fetcher=self.fetcher,
            limits=options.limits,
            policy=ThumbnailPolicy.OFF if dry else options.thumbnails,
            since=options.since,
        )
        with self.store.run(self.encoder.bundle_digest, dry=dry) as run:
            intake = Intake(self.encoder, self.store, self.thumbnails, run, record, dry)
            with closing(preparer.prepared(source)) as chunks:
                for rows in chunks:
                    intake.take(rows)
                    on_progress(len(rows))
            intake.flush()
            if intake.tally.seen == 0:
                raise CatalogSourceError("the source has no pictures; nothing was changed")
            failed = _too_many_failed(intake.tally, options, record)
            if failed is not None:
                return run.totals(), intake.tally, failed
            totals = run.finish(incomplete=(), delete_missing=options.delete_missing)
            return totals, intake.tally, None

    def _put_in_service(
        self, report: RunReport, options: ReindexOptions, record: RunRecord
    ) -> RunReport:
        with self.store.view() as view:
            manifest = self._still_right(view, options)
            if manifest is not None:
                return _of_version(report, RunEnd.UNCHANGED, manifest, view)
            try:
                bundle, receipt = self.encoder.manifest, report.receipt
                snapshot = self.snapshots.build(view, bundle, receipt, options.index)
                report = _of_version(report, RunEnd.REFUSED, snapshot.manifest, view)
                checks = inspect(snapshot, view, self.encoder, options.gate)
                require(checks, snapshot.manifest.version)
            except (IndexChoiceError, IndexRefusedError) as exc:
                record.close(replace(report, why=str(exc)))
                raise
        promote(self.snapshots, self.store, snapshot.manifest.version)
        return replace(report, end=RunEnd.PROMOTED)

    def _still_right(self, view: CatalogView, options: ReindexOptions) -> SnapshotManifest | None:
        """Return the serving version if it is whole, passes, and another would be the same."""
        version, digest = self.snapshots.current(), self.encoder.bundle_digest
        if version is None:
            return None
        try:
            manifest = self.snapshots.manifest(version)
            has = (manifest.bundle_digest, manifest.sequence, manifest.rows)
            if has != (digest, view.sequence(), view.count_rows(digest)):
                return None
            if manifest.asked != options.index:
                return None
            checks = inspect(self.snapshots.load(version), view, self.encoder, options.gate)
        except IndexCorruptError:
            return None
        return manifest if all(check.passed for check in checks) else None


def _receipt(totals: RunTotals, tally: Tally, start: float) -> Receipt:
    return Receipt(
        products=totals.products,
        seen=tally.seen,
        new=totals.new,
        changed=totals.changed,
        embedded=tally.embedded,
        reused=tally.reused,
        failed=tally.failed,
        removed=totals.removed,
        seconds=round(time.monotonic() - start, 2),
    )


def _of_version(
    report: RunReport, end: RunEnd, manifest: SnapshotManifest, view: CatalogView
) -> RunReport:
    coverage = manifest.products / max(view.count_products(), 1)
    return replace(
        report,
        end=end,
        receipt=report.receipt.model_copy(update={"coverage": round(coverage, 6)}),
        version=manifest.version,
        rows=manifest.rows,
        index_kind=manifest.index_kind,
        built_on=manifest.built_on,
        chosen=manifest.chosen,
    )


def _too_many_failed(
    tally: Tally, options: ReindexOptions, record: RunRecord
) -> ReindexFailedError | None:
    if tally.failed <= options.max_failed * tally.seen:
        return None
    ((reason, times),) = tally.reasons.most_common(1)
    then = "The index that was serving still serves; what was embedded is kept for the next run"
    if options.dry_run:
        then = "A run would end here, and promote nothing"
    elif record.failures_path:
        then += f". Each failure is in {record.failures_path}"
    return ReindexFailedError(
        f"{tally.failed} of {tally.seen} pictures failed, more than --max-failed "
        f"{options.max_failed:.2%} allows; most often ({times}): {reason}. {then}",
        tally.failures,
    )
