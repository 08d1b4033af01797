"""`vitrine-train`: train the image tower on a folder of labelled photos."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.core.manifest import PreprocessSpec
from training.checkpoint import CheckpointError
from training.config import RECIPES
from training.corpus import load_corpus
from training.labels import DataError
from training.sources import demo_source, real_sources
from training.trainer import train

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    data: Annotated[Path, typer.Option(help="Folder with the Parquet files of photos.")],
    out: Annotated[Path, typer.Option(help="Folder of this run; an interrupted one goes on.")],
    recipe: Annotated[
        str, typer.Option(help=f"Which run: {', '.join(RECIPES)}; see training/config.py.")
    ] = "default",
    start: Annotated[
        Path | None, typer.Option(help="checkpoint.pt whose tower the run begins with.")
    ] = None,
    cache: Annotated[Path, typer.Option(help="Folder for decoded pictures.")] = Path("runs/cache"),
) -> None:
    """Train a model; run it again to go on after an interruption."""
    console = Console(stderr=True)
    if recipe not in RECIPES:
        raise typer.BadParameter(f"no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    config = RECIPES[recipe]
    try:
        sources = real_sources(data)
        if config.demo_products:
            sources.append(demo_source(config.demo_products, config.demo_views))
        spec = PreprocessSpec(size=config.cache_side)
        corpora = []
        for source in sources:
            typer.echo(f"decoding {source.name} (once)", err=True)
            corpora.append(load_corpus(source, spec, cache))
            typer.echo(f"  {len(corpora[-1].held_out):,} pictures", err=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
            bar = progress.add_task("training", total=len(config.steps()))

            def show(done: int, steps: int, loss: float) -> None:
                progress.update(bar, completed=done, total=steps, description=f"loss {loss:.3f}")

            path = train(config, corpora, out, start=start, on_step=show)
    except (CheckpointError, DataError, FileNotFoundError) as exc:
        typer.secho(f"vitrine-train: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc
    typer.echo(f"done: {path}; next: vitrine-export {path} --out BUNDLE", err=True)


def main() -> None:
    """Entry point."""
    app()
