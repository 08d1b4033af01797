"""`vitrine-export`: a model in, a verified bundle out."""

from pathlib import Path
from typing import Annotated

import typer

from model_export import cli_compare, cli_variants
from model_export.bundle import ExportError
from model_export.cli_group import DEFAULT, DefaultCommandGroup
from model_export.export import export_checkpoint
from model_export.export_source import UNSTATED, export_foreign
from model_export.sources.families import POOLINGS
from model_export.sources.read import is_checkpoint, read_source
from service.core.manifest import BundleManifest
from training.checkpoint import CheckpointError

app = typer.Typer(
    cls=DefaultCommandGroup,
    help="A model in, a verified bundle out: `vitrine-export SOURCE --out BUNDLE`.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Keep typer from collapsing a single command into the group."""


@app.command(DEFAULT)
def run(
    source: Annotated[
        str,
        typer.Argument(
            help="A checkpoint.pt of vitrine-train; a model's Hugging Face folder, or its name on "
            "the hub; an ONNX file with a YAML file beside it; or timm:NAME."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; replaced if it holds one.")],
    pooling: Annotated[
        str | None, typer.Option(help=f"In place of the model's own: {', '.join(POOLINGS)}.")
    ] = None,
    preprocess: Annotated[
        Path | None, typer.Option(help="YAML file of an ONNX file, if not beside it.")
    ] = None,
    pictures_only: Annotated[
        bool, typer.Option("--pictures-only", help="Leave a model's text tower out.")
    ] = False,
    text: Annotated[
        Path | None,
        typer.Option(help="With a checkpoint: folder of a text tower, text.pt and tokenizer.json."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card; becomes README.md of the bundle.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the bundle.  [default: the model's]")
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    licence: Annotated[
        str | None,
        typer.Option(
            help="Licence of the weights (SPDX).  [default: what the model's README states]"
        ),
    ] = None,
) -> None:
    """Export a model to ONNX, measure it against torch, and write the bundle."""
    try:
        if is_checkpoint(source):
            _refuse_for_checkpoints(pooling=pooling, preprocess=preprocess)
            manifest = export_checkpoint(
                Path(source),
                out,
                name=name or "vitrine-default",
                version=version,
                licence=licence or "Apache-2.0",
                text=text,
                card=card,
            )
        else:
            if text:
                raise ExportError("--text is for a checkpoint; other models bring their own")
            model = read_source(source, pooling=pooling, recipe=preprocess, words=not pictures_only)
            manifest = export_foreign(
                out, model, name=name, version=version, licence=licence, card=card
            )
    except (CheckpointError, ExportError) as exc:
        typer.secho(f"vitrine-export: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc
    _report(out, manifest)


cli_variants.register(app)
cli_compare.register(app)


def _refuse_for_checkpoints(**options: object) -> None:
    for option, value in options.items():
        if value is not None:
            raise ExportError(f"--{option} is for models made elsewhere, not for a checkpoint")


def _report(out: Path, manifest: BundleManifest) -> None:
    sizes = {file.name: file.stat().st_size / 1e6 for file in sorted(out.iterdir())}
    parity = manifest.parity
    assert parity is not None
    typer.echo(
        f"{out}: {manifest.name} {manifest.version}, {sum(sizes.values()):.1f} MB, "
        f"dim {manifest.dim}; parity over {parity.images} pictures: cosine >= {parity.min_cosine}, "
        f"largest difference {parity.max_abs_difference}; "
        + ", ".join(f"{file} {size:.2f} MB" for file, size in sizes.items()),
        err=True,
    )
    if manifest.licence == UNSTATED:
        typer.echo("the model states no licence: look it up, and say it by --licence", err=True)


def main() -> None:
    """Entry point."""
    app()
