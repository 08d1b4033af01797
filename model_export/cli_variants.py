"""`vitrine-export variants` and `verify`: what the gate lets in, and whether it still would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from rich.console import Console

from model_export.bundle import ExportError
from model_export.gate import Pictures, pictures_of
from model_export.machine import this_machine, would_run
from model_export.sample import read_sample
from model_export.truncate import Cut
from model_export.variants import Plan, make_variants
from model_export.verdict import GateError, Limits, describe, describe_quality
from model_export.verify import gate_again, look_over, summary
from service.adapters.bundles import read_bundle
from service.adapters.catalog_columns import parse_mapping
from service.core.errors import VitrineError
from service.core.manifest import BundleManifest, PreprocessSpec

SPARE = 64
"""Pictures to calibrate on; a matrix of `--dim` columns is fitted to at least four a column."""

Catalog = Annotated[
    list[Path], typer.Option(help="Catalogue as `vitrine reindex` takes it; repeatable.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--map", help="FIELD=COLUMN, e.g. category=article_type; repeatable."),
]
Label = Annotated[str, typer.Option(help="Field or column that says what is of one kind.")]
Count = Annotated[int, typer.Option(min=8, help="Pictures to judge by, drawn at random.")]
Seed = Annotated[int, typer.Option(help="Of the draw.")]
Points = Annotated[
    float, typer.Option(min=0, max=100, help="Points of P@1 that a change may lose.")
]
Percent = Annotated[
    float, typer.Option(min=0, max=100, help="Per cent of the ten nearest that may differ.")
]
KeepSlower = Annotated[
    bool, typer.Option("--keep-slower", help="Take variants that are no faster here.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("variants")(variants)
    app.command("verify")(verify)


def variants(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    catalog: Catalog,
    precision: Annotated[
        list[str] | None, typer.Option(help="int8 for CPUs, fp16 for GPUs; repeatable.")
    ] = None,
    tier: Annotated[
        list[str] | None, typer.Option(help="Tier to make variants of; repeatable; default all.")
    ] = None,
    dim: Annotated[
        int | None, typer.Option(help="Dimensions to leave of every vector; needs --out.")
    ] = None,
    truncate: Annotated[
        Literal["pca", "prefix"],
        typer.Option(help="How: turned to hold the most, or the first, for Matryoshka models."),
    ] = "pca",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; by default the bundle itself.")
    ] = None,
    columns: Columns = None,
    label: Label = "category",
    count: Count = 1000,
    seed: Seed = 0,
    max_quality_loss: Points = 0.5,
    max_top10_loss: Percent = 2.0,
    keep_slower: KeepSlower = False,
) -> None:
    """Add faster variants of a bundle's tiers, or shorten its vectors, if the gate agrees."""
    limits = Limits(max_quality_loss / 100, max_top10_loss / 100, keep_slower)
    cut = Cut(dim, truncate) if dim else None
    plan = Plan(tuple(precision or ()), tuple(tier or ()), cut, limits)
    progress = Console(stderr=True, markup=False, emoji=False, highlight=False)
    with _one_line_errors():
        if cut and out is None:
            raise ExportError(
                "shorter vectors are another model, and what was indexed by this one is lost to "
                "it: name its folder with --out"
            )
        spec = read_bundle(bundle).preprocess
        with progress.status("drawing pictures ...") as status:
            spare = max(SPARE, 4 * (dim or 0))
            pictures = draw(spec, catalog, columns, label, count, seed, spare)
            manifest = make_variants(bundle, out or bundle, pictures, plan, report=status.update)
    _report(manifest, plan, out or bundle)


def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    catalog: Annotated[
        list[Path] | None,
        typer.Option(help="Catalogue to repeat the gate on, as `vitrine reindex` takes it."),
    ] = None,
    columns: Columns = None,
    label: Label = "category",
    count: Count = 1000,
    seed: Seed = 0,
    max_quality_loss: Points = 0.5,
    max_top10_loss: Percent = 2.0,
    keep_slower: KeepSlower = False,
) -> None:
    """Check a bundle's files and figures, and say what this machine would run."""
    limits = Limits(max_quality_loss / 100, max_top10_loss / 100, keep_slower)
    progress = Console(stderr=True, markup=False, emoji=False, highlight=False)
    with _one_line_errors():
        manifest = look_over(bundle)
        for line in (*summary(bundle, manifest), *would_run(manifest, this_machine())):
            typer.echo(line)
        if catalog and any(tier.gate for tier in manifest.image.tiers):
            with progress.status("drawing pictures ...") as status:
                pictures = draw(manifest.preprocess, catalog, columns, label, count, seed, SPARE)
                lines = gate_again(bundle, manifest, pictures, limits, report=status.update)
            for line in lines:
                typer.echo(line)


def draw(
    spec: PreprocessSpec,
    catalog: list[Path],
    columns: list[str] | None,
    label: str,
    count: int,
    seed: int,
    spare: int,
) -> Pictures:
    """Draw and decode what variants are judged by, and what they are fitted to.

    Raises:
        CatalogSourceError: A source cannot be read.
        ExportError: There are not enough pictures, or no such label.
    """
    mapping = parse_mapping(columns or [])
    sample = read_sample(catalog, count=count + spare, seed=seed, mapping=mapping, label=label)
    return pictures_of(sample, spec, spare)


def _report(manifest: BundleManifest, plan: Plan, folder: Path) -> None:
    if plan.cut and manifest.truncation:
        cut = manifest.truncation
        typer.echo(f"{manifest.dim} of {cut.of_dim} dimensions: {describe_quality(cut)}")
    for tier in manifest.image.tiers:
        if tier.gate and tier.precision in plan.precisions:
            typer.echo(f"{tier.name}: {describe(tier.gate)}")
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    typer.echo(f"{folder}: {len(manifest.image.tiers)} tiers, {megabytes:.1f} MB", err=True)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Say what is wrong and leave: with 3 where the gate refused, with 2 where it never came to."""
    try:
        yield
    except GateError as exc:
        _fail(exc, 3)
    except (VitrineError, ExportError, OSError) as exc:
        _fail(exc, 2)


def _fail(error: Exception, code: int) -> NoReturn:
    for line in str(error).splitlines():
        typer.secho(f"vitrine-export: {line}", fg="red", err=True)
    raise typer.Exit(code) from error
