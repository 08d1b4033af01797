"""`vitrine-export compare A B`: two bundles, or two tiers of one, side by side."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from model_export.bundle import ExportError
from model_export.compare import compare
from model_export.compare_page import page
from model_export.compare_table import table
from model_export.sample import read_sample
from model_export.sides import open_side
from service.adapters.catalog_columns import parse_mapping
from service.core.errors import VitrineError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(run)


def run(
    a: Annotated[str, typer.Argument(help="Folder of a bundle; BUNDLE#TIER for another tier.")],
    b: Annotated[str, typer.Argument(help="The same, to hold against it.")],
    catalog: Annotated[
        list[Path], typer.Option(help="Catalogue as `vitrine reindex` takes it; repeatable.")
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, e.g. category=article_type; repeatable."),
    ] = None,
    label: Annotated[
        str, typer.Option(help="Field or column that says what is of one kind.")
    ] = "category",
    count: Annotated[int, typer.Option(min=2, help="Pictures to draw at random.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    out: Annotated[Path | None, typer.Option(help="HTML page to write.")] = None,
) -> None:
    """Measure two bundles on one sample; --out makes a page of where they differ most."""
    progress = Console(stderr=True, markup=False, emoji=False, highlight=False)
    try:
        if out is not None and not out.parent.is_dir():
            raise ExportError(f"{out}: there is no folder {out.parent}")
        sides = (open_side(a), open_side(b))
        with progress.status("drawing pictures ..."):
            mapping = parse_mapping(columns or [])
            sample = read_sample(catalog, count=count, seed=seed, mapping=mapping, label=label)
        with progress.status(f"comparing on {len(sample.images):,} pictures ..."):
            comparison = compare(sides, sample)
        if out is not None:
            out.write_text(page(comparison, sample, label), encoding="utf-8")
    except (VitrineError, ExportError, OSError) as exc:
        typer.secho(f"vitrine-export: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc
    Console(markup=False, emoji=False, highlight=False).print(table(comparison))
    if out is not None:
        typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB", err=True)
