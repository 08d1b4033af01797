"""`vitrine evaluate`: what a bundle is worth at a shop's own tasks."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from service.adapters.evaluation_tasks import read_tasks
from service.cli.options import MOST_NEIGHBOURS, Bundle, console, settings_with
from service.encoders import make_encoder
from service.pipeline.evaluate import TaskResult, evaluate_centralized


def evaluate(
    tasks: Annotated[Path, typer.Argument(help="TOML file of tasks; see training/tasks.toml.")],
    sources: Annotated[Path, typer.Option(help="Folder of the Parquet files the tasks name.")],
    bundle: Bundle = None,
    centralize: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=MOST_NEIGHBOURS,
            help="Also with the gallery centralised, as reindex --centralize does; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure precision at 1 and 5 and mAP@50 on rows that training never saw."""
    encoder = make_encoder(settings_with(bundle=bundle))
    ks = (0, *(centralize or ()))
    results = [
        result
        for task in read_tasks(tasks, sources)
        for result in evaluate_centralized(task, encoder, ks)
    ]
    if as_json:
        body = {"bundle": encoder.bundle_digest, "tasks": [asdict(result) for result in results]}
        typer.echo(json.dumps(body))
    else:
        console().print(_table(results))


def _table(results: list[TaskResult]) -> Table:
    table = Table("task", "queries", "gallery", "P@1", "P@5", "mAP@50", "chance", "P@1 by label")
    for result in results:
        by_label = ", ".join(f"{name} {value:.3f}" for name, value in result.p1_by_label.items())
        figures = (result.p1, result.p5, result.map50, result.chance)
        counts = (f"{result.queries:,}", f"{result.gallery:,}")
        name = f"{result.name}, --centralize {result.centralize}"
        table.add_row(
            name if result.centralize else result.name,
            *counts,
            *(f"{f:.3f}" for f in figures),
            by_label,
        )
    return table
