"""`vitrine-export`: a checkpoint in, a verified bundle out."""

from pathlib import Path
from typing import Annotated

import typer

from model_export.bundle import ExportError
from model_export.export import export_checkpoint
from training.checkpoint import CheckpointError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    source: Annotated[Path, typer.Argument(help="checkpoint.pt of vitrine-train.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; replaced if it holds one.")],
    name: Annotated[str, typer.Option(help="Name of the bundle.")] = "vitrine-default",
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    licence: Annotated[str, typer.Option(help="Licence of the weights (SPDX).")] = "Apache-2.0",
) -> None:
    """Export a checkpoint to ONNX, measure it against torch, and write the bundle."""
    try:
        manifest = export_checkpoint(source, out, name=name, version=version, licence=licence)
    except (CheckpointError, ExportError) as exc:
        typer.secho(f"vitrine-export: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc
    megabytes = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    parity = manifest.parity
    assert parity is not None
    typer.echo(
        f"{out}: {manifest.name} {manifest.version}, {megabytes:.1f} MB, dim {manifest.dim}; "
        f"parity over {parity.images} pictures: cosine >= {parity.min_cosine}, "
        f"largest difference {parity.max_abs_difference}",
        err=True,
    )


def main() -> None:
    """Entry point."""
    app()
