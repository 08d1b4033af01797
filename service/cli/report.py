"""`vitrine index report`: what the pictures say is wrong with the catalogue."""

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from service.cli.options import DataDir, console, given_version, settings_with
from service.cli.quality_page import page
from service.core.errors import StoreError
from service.core.quality import QualityOptions, QualityReport
from service.core.snapshot import Snapshot
from service.core.store import ThumbnailStore
from service.core.types import StoredProduct
from service.pipeline.quality_report import inspect_catalog
from service.wiring import examining, snapshots

_DEFAULTS = QualityOptions()


def report(
    version: Annotated[
        int | None, typer.Argument(help="A version. [default: the serving one]")
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option(help="HTML file. [default: report.html; none with --json]")
    ] = None,
    field: Annotated[
        str, typer.Option(help="Field whose values are compared with the neighbours'.")
    ] = _DEFAULTS.field,
    placeholder_products: Annotated[
        int, typer.Option(min=2, help="Products from which on a picture stands for none of them.")
    ] = _DEFAULTS.placeholder_products,
    limit: Annotated[int, typer.Option(min=1, help="Findings of each kind in the HTML.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print every finding as JSON.")] = False,
) -> None:
    """Find shared, placeholder, blank and mislabelled pictures; an HTML page with thumbnails."""
    settings = settings_with(data_dir=data_dir)
    target = out or (None if as_json else Path("report.html"))
    if target:
        _write(target, None)  # which fails now rather than after all the work
    folder = snapshots(settings)
    snapshot = folder.load(given_version(version, folder.current()))
    options = QualityOptions(field=field, placeholder_products=placeholder_products)
    with examining(settings) as (store, thumbnails):
        with store.view() as view:
            bare = view.without_vectors(snapshot.manifest.bundle_digest)
        found = _inspect(snapshot, thumbnails, bare, options)
        if target:
            _write(target, page(found, thumbnails, limit))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        _show(found)
        typer.echo(f"{target} shows the first {limit} of each kind")


def _inspect(
    snapshot: Snapshot,
    thumbnails: ThumbnailStore,
    bare: Sequence[StoredProduct],
    options: QualityOptions,
) -> QualityReport:
    """Look at everything behind a progress bar on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True)) as bar:
        task = bar.add_task("looking", total=None)

        def looked(count: int, total: int) -> None:
            bar.update(task, advance=count, total=total)

        return inspect_catalog(snapshot, thumbnails, bare, options, looked)


def _write(path: Path, text: str | None) -> None:
    """Put a file in its place whole; with no text, only try whether that could be done."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        beside.write_text(text or "", encoding="utf-8")
        if text is not None:
            os.replace(beside, path)
    except OSError as exc:
        raise StoreError(f"{path} cannot be written: {exc.strerror}; name another --out") from exc
    finally:
        beside.unlink(missing_ok=True)


def _show(found: QualityReport) -> None:
    table = Table("what", "count", title=f"index v{found.version:06d}", title_justify="left")
    table.columns[1].justify = "right"
    rows = {
        "products": found.products,
        "different pictures": found.pictures,
        f"products whose picture disagrees with their {found.field}": len(found.disagreements),
        "placeholder pictures": len(found.placeholders),
        "pictures without content": len(found.blank),
        "pictures under several products": len(found.shared),
        "pictures without a thumbnail": len(found.without_thumbnail),
        "products without any picture": len(found.without_picture),
    }
    for what, count in rows.items():
        table.add_row(what, f"{count:,}")
    console().print(table)
