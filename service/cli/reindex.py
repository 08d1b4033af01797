"""`vitrine reindex`: a catalogue in, a receipt out."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from service.adapters.catalog_cells import moment
from service.adapters.catalog_columns import parse_mapping
from service.adapters.catalog_formats import CatalogFormat
from service.adapters.catalog_sources import open_source
from service.adapters.priority import giving_way
from service.adapters.run_records import as_json as report_as_json
from service.cli.options import (
    Bundle,
    DataDir,
    Golden,
    MinCoverage,
    MinGolden,
    console,
    gate_options,
    settings_with,
    share,
)
from service.cli.reindex_options import (
    Centralize,
    Columns,
    DeleteMissing,
    DryRun,
    GivesWay,
    IndexKind,
    Layout,
    MaxFailed,
    ReceiptAsJson,
    Since,
    Source,
    TargetRecall,
    Thumbnails,
)
from service.core.errors import ReindexFailedError
from service.core.index_choice import BY_SIZE, IndexChoice
from service.core.receipts import RunEnd, RunReport
from service.core.types import CatalogSource, Failure
from service.encoders import image_limits
from service.pipeline.preparing import ThumbnailPolicy
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import reindexing

_SHOWN_FAILURES = 20


def reindex(
    source: Source,
    data_dir: DataDir = None,
    bundle: Bundle = None,
    columns: Columns = None,
    layout: Layout = CatalogFormat.AUTO,
    max_failed: MaxFailed = "1%",
    delete_missing: DeleteMissing = False,
    since: Since = None,
    dry_run: DryRun = False,
    thumbnails: Thumbnails = ThumbnailPolicy.AUTO,
    index: IndexKind = None,
    target_recall: TargetRecall = BY_SIZE.target_recall,
    centralize: Centralize = BY_SIZE.centralize,
    min_coverage: MinCoverage = "50%",
    golden: Golden = None,
    min_golden: MinGolden = "95%",
    gives_way: GivesWay = True,
    as_json: ReceiptAsJson = False,
) -> None:
    """Bring the index up to the catalogue: only pictures never seen before are embedded."""
    settings = settings_with(data_dir=data_dir, bundle=bundle, index=index)
    options = ReindexOptions(
        max_failed=share("--max-failed", max_failed),
        delete_missing=delete_missing,
        since=_moment(since),
        dry_run=dry_run,
        thumbnails=thumbnails,
        limits=image_limits(settings),
        index=IndexChoice(settings.index, target_recall, centralize),
        gate=gate_options(min_coverage, golden, min_golden),
    )
    catalog = open_source(source, columns=parse_mapping(columns or []), layout=layout)
    try:
        with giving_way() if gives_way else nullcontext():
            report = run_reindex(settings, catalog, options)
    except ReindexFailedError as exc:
        _show_failures(exc.failures)
        _refuse(str(exc))
    show_report(report, settings.data_dir, as_json=as_json)
    if report.why:
        _refuse(report.why)


def run_reindex(settings: Settings, catalog: CatalogSource, options: ReindexOptions) -> RunReport:
    """Reindex behind a progress bar on stderr."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )
    with reindexing(settings, options.index, dry=options.dry_run) as flow, bar:
        task = bar.add_task("looking" if options.dry_run else "indexing", total=catalog.total)
        return flow.run(catalog, options, lambda rows: bar.advance(task, rows))


def show_report(report: RunReport, data_dir: Path, *, as_json: bool = False) -> None:
    """Print what a run did; the counts on stdout, the failures on stderr."""
    if as_json:
        typer.echo(json.dumps(report_as_json(report)))
        return
    receipt = report.receipt
    table = Table("what", "count", title=_title(report, data_dir), title_justify="left")
    table.columns[1].justify = "right"
    rows = {
        "products": receipt.products,
        "  new": receipt.new,
        "  changed": receipt.changed,
        "products removed": receipt.removed,
        "pictures seen": receipt.seen,
        "  embedded": receipt.embedded,
        "  reused": receipt.reused,
        "  failed": receipt.failed,
    }
    for what, count in rows.items():
        table.add_row(what, f"{count:,}")
    if report.version is not None:
        table.add_row("pictures in the index", f"{report.rows:,}")
        table.add_row("index", report.index_kind)
        table.add_row("  built on", report.built_on)
    if report.chosen is not None:
        table.add_row("  recall@10", f"{report.chosen.recall:.4f}")
        table.add_row("    at least", f"{report.chosen.promised:.4f}")
        table.add_row("  ms a query", f"{report.chosen.milliseconds:.3f}")
    if receipt.coverage is not None:
        table.add_row("coverage", f"{receipt.coverage:.2%}")
    table.add_row("seconds", f"{receipt.seconds:.1f}")
    console().print(table)
    _show_failures(report.failures, report.failures_file, receipt.failed)


def _refuse(why: str) -> NoReturn:
    typer.secho(f"vitrine: {why}", fg="red", err=True)
    raise typer.Exit(1)


def _moment(text: str | None) -> datetime | None:
    found = moment(text)
    if text is not None and found is None:
        raise typer.BadParameter(
            f"--since takes a date or a time, as 2024-05-01 or 2024-05-01T08:00Z, not {text!r}"
        )
    return found


def _title(report: RunReport, data_dir: Path) -> str:
    match report.end:
        case RunEnd.DRY:
            return f"dry run: what a reindex of {data_dir} would do; nothing was written"
        case RunEnd.UNCHANGED:
            return f"nothing changed: index v{report.version:06d} in {data_dir} serves on"
    return f"index v{report.version:06d} in {data_dir}"


def _show_failures(
    failures: Sequence[Failure], kept_in: str | None = None, count: int | None = None
) -> None:
    stderr = console(stderr=True)
    for failure in failures[:_SHOWN_FAILURES]:
        line = f"failed: {failure.product_id} ({failure.image}): {failure.reason}"
        stderr.print(line, style="yellow", soft_wrap=True)
    more = (len(failures) if count is None else count) - _SHOWN_FAILURES
    if more > 0:
        stderr.print(f"... and {more:,} more", soft_wrap=True)
    if kept_in:
        stderr.print(f"every failure with its reason: {kept_in}", soft_wrap=True)
