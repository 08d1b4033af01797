"""`vitrine-train`: from a catalogue to a checkpoint, a command a step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.core.errors import VitrineError
from service.core.manifest import PreprocessSpec
from training.annotate import annotate
from training.calibrate import calibrate as fit_calibration
from training.captioned import captioned
from training.checkpoint import CheckpointError, load
from training.config import RECIPES, RunConfig
from training.corpus import Corpus, load_corpus
from training.curves import plot_curves
from training.labels import DataError
from training.lit import TextRunConfig, train_text
from training.options import Cache, Columns, Data, Run, Sources, Tasks, one_of, pairs
from training.sources import Reading, Source, catalogue_source, demo_source, photo_sources
from training.teachers import load_teacher
from training.text_tower import TextConfig
from training.trainer import train
from training.weak_labels import WeakLabels

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

CACHE = Path("runs/cache")


@app.command()
def images(
    sources: Sources = None,
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Folder of this run; an interrupted one goes on.")] = (
        Path("runs/images")
    ),
    recipe: Annotated[str, typer.Option(help=f"Which run: {', '.join(RECIPES)}.")] = "multitask",
    labels: Annotated[Path | None, typer.Option(help="Folder that `annotate` wrote.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="checkpoint.pt whose tower the run begins with.")
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(help="With `distill`: a bundle, an ONNX graph, or a checkpoint.pt."),
    ] = None,
    tasks: Tasks = None,
    columns: Columns = None,
    cache: Cache = CACHE,
) -> None:
    """Train the image tower; run it again to go on after an interruption."""
    if recipe not in RECIPES:
        raise typer.BadParameter(f"no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    config = RECIPES[recipe]
    with one_line_errors():
        read = open_sources(sources, data, tasks, columns)
        if data and config.demo_products:
            read.append(demo_source(config.demo_products, config.demo_views))
        corpora = decoded(read, config, cache)
        weak = WeakLabels.load(labels / "labels.json") if labels else WeakLabels((), ())
        taught = load_teacher(teacher) if teacher else None
        with progress("images", len(config.steps())) as show:
            path = train(config, corpora, weak, out, start=start, teacher=taught, on_step=show)
        _finish(path, out)


@app.command()
def texts(
    sources: Sources = None,
    data: Data = None,
    run: Run = Path("runs/multitask"),
    out: Annotated[Path, typer.Option(help="Folder of the text run; it goes on too.")] = (
        Path("runs/text")
    ),
    tasks: Tasks = None,
    columns: Columns = None,
    cache: Cache = CACHE,
) -> None:
    """Train the text tower against the locked image tower of a finished run."""
    with one_line_errors():
        checkpoint = load(run / "checkpoint.pt")
        corpora = decoded(open_sources(sources, data, tasks, columns), checkpoint.config, cache)
        vectors, documents = captioned(
            checkpoint, corpora, lambda name: typer.echo(f"embedding {name}", err=True)
        )
        config = TextRunConfig(text=TextConfig(dim=checkpoint.config.model.dim))
        with progress("texts", config.steps) as show:
            path = train_text(config, vectors, documents, out, on_step=show)
        _finish(path, out)


@app.command()
def calibrate(
    sources: Sources = None,
    data: Data = None,
    run: Run = Path("runs/multitask"),
    tasks: Tasks = None,
    columns: Columns = None,
    cache: Cache = CACHE,
) -> None:
    """Fit probabilities on half of the held-out rows; writes calibration.json into the run."""
    with one_line_errors():
        checkpoint = load(run / "checkpoint.pt")
        corpora = decoded(open_sources(sources, data, tasks, columns), checkpoint.config, cache)
        fitted = fit_calibration(checkpoint, corpora)
    path = run / "calibration.json"
    fitted.save(path)
    typer.echo(f"done: {path}; next: vitrine-export {run / 'checkpoint.pt'} --out BUNDLE", err=True)


@contextmanager
def progress(what: str, steps: int) -> Iterator[Callable[[int, int, float], None]]:
    """Show a bar; gives what is to be called with (steps done, steps in all, loss)."""
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*shown, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        bar = bars.add_task(what, total=steps)

        def show(done: int, steps: int, loss: float) -> None:
            bars.update(bar, completed=done, total=steps, description=f"{what}: loss {loss:.3f}")

        yield show


def _finish(checkpoint: Path, out: Path) -> None:
    """Draw how the losses fell, and say where everything is."""
    plot_curves(out / "log.jsonl", out / "curves.png")
    typer.echo(f"done: {checkpoint}, {out / 'curves.png'}", err=True)


def open_sources(
    paths: list[Path] | None,
    data: Path | None,
    tasks: list[str] | None,
    columns: list[str] | None,
) -> list[Source]:
    """Return the sources that the options name."""
    one_of(paths, data)
    if data:
        return photo_sources(data)
    reading = Reading(
        tasks=pairs(tasks, "--task") or {"category": "category"}, columns=pairs(columns, "--map")
    )
    return [catalogue_source(path, reading) for path in paths or []]


def decoded(sources: list[Source], config: RunConfig, cache: Path) -> list[Corpus]:
    """Decode every source once."""
    corpora = []
    for source in sources:
        typer.echo(f"decoding {source.name} (once)", err=True)
        corpora.append(load_corpus(source, PreprocessSpec(size=config.cache_side), cache))
        typer.echo(f"  {len(corpora[-1].ids):,} pictures", err=True)
    return corpora


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End with one line that says what is wrong, where it is the input's fault."""
    try:
        yield
    except (CheckpointError, DataError, VitrineError, FileNotFoundError) as exc:
        typer.secho(f"vitrine-train: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc


app.command()(annotate)


def main() -> None:
    """Entry point."""
    app()
