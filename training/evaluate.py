"""`python -m training.evaluate BUNDLE --data DIR`: every figure of the model that ships.

    bundle -> tiers -> retrieval, text, heads, matches, time -> Evaluation -> tables, JSON

All of it goes through the exported bundle and the service's own decoding, on rows that training
never saw; what calibrated the model is left out of what judges its calibration.
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, NoReturn

import onnxruntime
import typer
from rich.console import Console

from service.adapters.evaluation_tasks import read_tasks
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.cores import core_count
from service.core.errors import VitrineError
from service.core.types import Pixels
from service.pipeline.evaluate import decoded_batches
from training.evaluate_aims import judged
from training.evaluate_encoders import Remembering, open_tiers
from training.evaluate_heads import HeadResult, evaluate_heads
from training.evaluate_matches import MatchResult, calibration_of, evaluate_matches
from training.evaluate_report import BundleFacts, Evaluation, write_evaluation
from training.evaluate_retrieval import evaluate_retrieval, limited
from training.evaluate_tables import aims_table, tables_of
from training.evaluate_text import TextResult, evaluate_text
from training.evaluate_tiers import evaluate_tiers, file_sizes
from training.labels import DataError
from training.sources import TASKS_FILE, Source, photo_sources

_TIMED_PICTURES = 16


def evaluate_bundle(
    folder: Path,
    data: Path,
    limit: int | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Evaluation:
    """Measure a bundle.

    Args:
        folder: Of the bundle.
        data: Folder of the real photos, all four files of `photos.toml`.
        limit: Queries of each task at most, for a look; None for the figures to report.
        on_step: Called with what comes next.

    Raises:
        BundleError: The bundle is incomplete or damaged.
        CatalogSourceError: A file of photos is missing, or is not what the tasks ask for.
        FileNotFoundError: There are no photos.
        InvalidImageError: A photo cannot be decoded.
    """
    sources = photo_sources(data)
    tiers = open_tiers(folder)
    encoders = {name: Remembering(encoder) for name, encoder in tiers.items()}
    first = next(iter(encoders.values()))
    tasks = [limited(task, limit) for task in read_tasks(TASKS_FILE, data)]
    pictures = islice(tasks[0].queries(), _TIMED_PICTURES)
    timed: Pixels = next(decoded_batches(pictures, first.manifest.preprocess))[1]
    on_step("timing the tiers")
    costs = evaluate_tiers(folder, tiers, timed)
    on_step("retrieval, which embeds every gallery once a tier")
    retrieval, skipped = evaluate_retrieval(tasks, encoders)
    on_step("words, heads and matches")
    text, why = _text(folder, sources, first, limit)
    skipped += why
    heads, why = _heads(sources, encoders, limit)
    skipped += why
    matches, why = _matches(sources, first, limit)
    evaluation = Evaluation(
        bundle=_facts(folder, next(iter(tiers.values()))),
        limit=limit,
        retrieval=retrieval,
        text=text,
        heads=heads,
        matches=matches,
        tiers=costs,
        machine=f"{platform.machine()}, {core_count()} cores, "
        f"ONNX Runtime {onnxruntime.__version__}",
        skipped=skipped + why,
        aims=[],
    )
    return replace(evaluation, aims=judged(evaluation))


def _text(
    folder: Path, sources: Sequence[Source], encoder: Remembering, limit: int | None
) -> tuple[TextResult | None, list[str]]:
    if encoder.manifest.text is None:
        return None, ["search by words: the bundle has no text tower"]
    texts = OnnxTextEncoder(folder, spinning=False)
    result = evaluate_text(sources, encoder, texts, limit)
    why = "search by words: no colour and type has enough held-out products"
    return result, [] if result else [why]


def _heads(
    sources: Sequence[Source], encoders: dict[str, Remembering], limit: int | None
) -> tuple[list[HeadResult], list[str]]:
    results = evaluate_heads(sources, encoders, limit)
    heads = next(iter(encoders.values())).manifest.heads
    if not heads:
        return [], ["heads: the bundle has none"]
    unmeasured = {head.name for head in heads} - {result.head for result in results}
    return results, [f"head {name}: no held-out row has a label" for name in sorted(unmeasured)]


def _matches(
    sources: Sequence[Source], encoder: Remembering, limit: int | None
) -> tuple[MatchResult | None, list[str]]:
    curve = calibration_of(encoder.manifest)
    if curve is None:
        return None, ["P(same product): the bundle is not calibrated"]
    # Two photos of one product on different shelves; a fashion product has one picture.
    grocery = next((source for source in sources if source.name == "grocery"), None)
    result = evaluate_matches(grocery, encoder, curve, limit) if grocery else None
    return result, [] if result else ["P(same product): no held-out grocery photos"]


def _facts(folder: Path, encoder: OnnxEncoder) -> BundleFacts:
    manifest, files = encoder.manifest, file_sizes(folder)
    return BundleFacts(
        name=manifest.name,
        version=manifest.version,
        licence=manifest.licence,
        digest=encoder.bundle_digest,
        dim=manifest.dim,
        size=manifest.preprocess.size,
        files=files,
        megabytes=sum(files.values()),
    )


def show(evaluation: Evaluation, console: Console) -> None:
    """Print everything."""
    bundle = evaluation.bundle
    console.print(
        f"{bundle.name} {bundle.version} ({bundle.digest[:12]}), {bundle.megabytes:.1f} MB: "
        + ", ".join(f"{name} {size:.2f}" for name, size in bundle.files.items())
    )
    if evaluation.limit is not None:
        console.print(f"a look only: at most {evaluation.limit} queries of each task were asked")
    for table in tables_of(evaluation):
        console.print(table.rich())
    if evaluation.text:
        console.print(f'"{evaluation.text.shown_query}" finds')
        for place, found in enumerate(evaluation.text.shown, start=1):
            console.print(f"  {place:2}. {found}", markup=False)
    for sentence in evaluation.skipped:
        console.print(f"skipped: {sentence}")
    console.print(aims_table(evaluation).rich())


def run(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    data: Annotated[Path, typer.Option(help="Folder of the photos of training/photos.toml.")],
    json: Annotated[Path | None, typer.Option(help="File to write everything to.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Queries of each task at most, for a quick look.")
    ] = None,
) -> None:
    """Measure a bundle on everything that it is for."""
    try:
        evaluation = evaluate_bundle(bundle, data, limit, partial(typer.echo, err=True))
    except (DataError, VitrineError, FileNotFoundError) as exc:
        fail("training.evaluate", exc)
    if json:
        write_evaluation(json, evaluation)
    # Redirected into a file there is no terminal to fit, and cut cells would be of no use.
    console = Console()
    show(evaluation, console if console.is_terminal else Console(width=180))


def fail(command: str, exc: Exception) -> NoReturn:
    """End with one line that says what is wrong."""
    typer.secho(f"{command}: {exc}", fg="red", err=True)
    raise typer.Exit(2) from exc


if __name__ == "__main__":
    typer.run(run)
