"""`vitrine-export`: a checkpoint in, a verified bundle out."""

from pathlib import Path
from typing import Annotated

import typer

from model_export.bundle import ExportError
from model_export.cli_group import DEFAULT, DefaultCommandGroup
from model_export.export import export_checkpoint
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
    source: Annotated[Path, typer.Argument(help="checkpoint.pt of vitrine-train.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; replaced if it holds one.")],
    text: Annotated[
        Path | None, typer.Option(help="Folder of a text tower: text.pt, tokenizer.json.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card; becomes README.md of the bundle.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the bundle.")] = "vitrine-default",
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    licence: Annotated[str, typer.Option(help="Licence of the weights (SPDX).")] = "Apache-2.0",
) -> None:
    """Export a checkpoint to ONNX, measure it against torch, and write the bundle."""
    try:
        manifest = export_checkpoint(
            source, out, name=name, version=version, licence=licence, text=text, card=card
        )
    except (CheckpointError, ExportError) as exc:
        typer.secho(f"vitrine-export: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc
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


def main() -> None:
    """Entry point."""
    app()
