"""`vitrine reindex`: a catalogue in, a receipt out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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

from service.adapters.catalog_columns import parse_mapping
from service.adapters.catalog_sources import open_source
from service.cli.options import (
    MOST_NEIGHBOURS,
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
from service.core.errors import ReindexFailedError
from service.core.index_choice import BY_SIZE, IndexChoice
from service.core.types import CatalogSource, Failure
from service.pipeline.preparing import ThumbnailPolicy
from service.pipeline.reindex import Outcome, ReindexOptions
from service.settings import Settings
from service.wiring import image_limits, reindexing

_SHOWN_FAILURES = 20


def reindex(
    source: Annotated[
        Path, typer.Argument(help="Parquet, CSV or JSONL file, or a folder of pictures.")
    ],
    data_dir: DataDir = None,
    bundle: Bundle = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, e.g. title=productDisplayName; repeatable."),
    ] = None,
    max_failed: Annotated[
        str, typer.Option(help="Share of pictures that may fail, as 1% or 0.01.")
    ] = "1%",
    delete_missing: Annotated[
        bool, typer.Option(help="Remove products that the source no longer has.")
    ] = False,
    thumbnails: Annotated[
        ThumbnailPolicy,
        typer.Option(help="Small pictures to show: auto keeps all but those behind URLs."),
    ] = ThumbnailPolicy.AUTO,
    index: Annotated[
        str | None,
        typer.Option(
            help="auto, flat, hnsw, ivf, ivf-rabitq, binary, or a FAISS factory string. "
            "[default: VITRINE_INDEX, else auto]"
        ),
    ] = None,
    target_recall: Annotated[
        float, typer.Option(min=0, max=1, help="Recall@10 that the index must reach.")
    ] = BY_SIZE.target_recall,
    centralize: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_NEIGHBOURS,
            help="Average each vector with its mutual ones among so many nearest; 0 does not.",
        ),
    ] = BY_SIZE.centralize,
    min_coverage: MinCoverage = "50%",
    golden: Golden = None,
    min_golden: MinGolden = "95%",
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Bring the index up to the catalogue: only pictures never seen before are embedded."""
    settings = settings_with(data_dir=data_dir, bundle=bundle, index=index)
    options = ReindexOptions(
        max_failed=share("--max-failed", max_failed),
        delete_missing=delete_missing,
        thumbnails=thumbnails,
        limits=image_limits(settings),
        index=IndexChoice(settings.index, target_recall, centralize),
        gate=gate_options(min_coverage, golden, min_golden),
    )
    catalog = open_source(source, columns=parse_mapping(columns or []))
    try:
        outcome = run_reindex(settings, catalog, options)
    except ReindexFailedError as exc:
        _show_failures(exc.failures)
        typer.secho(f"vitrine: {exc}", fg="red", err=True)
        raise typer.Exit(1) from exc
    show_receipt(outcome, settings.data_dir, as_json=as_json)


def run_reindex(settings: Settings, catalog: CatalogSource, options: ReindexOptions) -> Outcome:
    """Reindex behind a progress bar on stderr."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )
    with reindexing(settings, options.index) as flow, bar:
        task = bar.add_task("indexing", total=catalog.total)
        return flow.run(catalog, options, lambda rows: bar.advance(task, rows))


def show_receipt(outcome: Outcome, data_dir: Path, *, as_json: bool = False) -> None:
    """Print what a run did; the counts on stdout, the failures on stderr."""
    receipt, version = outcome.receipt, outcome.snapshot.manifest.version
    if as_json:
        failures = [
            {"product_id": f.product_id, "image": f.image, "code": f.code, "reason": f.reason}
            for f in outcome.failures
        ]
        typer.echo(json.dumps({"version": version, **receipt.model_dump(), "failures": failures}))
        return
    table = Table(
        "what", "count", title=f"index v{version:06d} in {data_dir}", title_justify="left"
    )
    table.columns[1].justify = "right"
    rows = {
        "products": receipt.products,
        "pictures seen": receipt.seen,
        "  embedded": receipt.embedded,
        "  reused": receipt.reused,
        "  failed": receipt.failed,
        "products removed": receipt.removed_products,
        "pictures in the index": outcome.snapshot.manifest.rows,
    }
    chosen = outcome.snapshot.manifest.chosen
    for what, count in rows.items():
        table.add_row(what, f"{count:,}")
    table.add_row("index", outcome.snapshot.manifest.index_kind)
    table.add_row("  recall@10", f"{chosen.recall:.4f}")
    table.add_row("  ms a query", f"{chosen.milliseconds:.3f}")
    table.add_row("seconds", f"{receipt.seconds:.1f}")
    console().print(table)
    _show_failures(outcome.failures)


def _show_failures(failures: Sequence[Failure]) -> None:
    stderr = console(stderr=True)
    for failure in failures[:_SHOWN_FAILURES]:
        line = f"failed: {failure.product_id} ({failure.image}): {failure.reason}"
        stderr.print(line, style="yellow", soft_wrap=True)
    if len(failures) > _SHOWN_FAILURES:
        stderr.print(f"... and {len(failures) - _SHOWN_FAILURES} more; --json lists all")
