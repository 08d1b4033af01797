"""`make bench`: the service against the raw limits; JSON on stdout, a table on stderr.

Plan -> each benchmark in turn, in this process and its children -> report -> figures, judged
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import faiss
import onnxruntime
import typer

from bench.plan import planned
from bench.report import Figure, machine, markdown, say
from bench.serving_plot import plot as draw
from bench.suite import BENCHES


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(BENCHES)}; may be repeated.")
    ] = None,
    short: Annotated[
        bool, typer.Option("--short", help="Every path with few requests: judges no figure.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(help="Folder of models and catalogues, for the next run too.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw throughput and p99 by concurrency, as a PNG.")
    ] = None,
) -> None:
    """Measure the service against what this machine gives without it."""
    names = only or list(BENCHES)
    if unknown := set(names) - BENCHES.keys():
        raise typer.BadParameter(f"no benchmark {', '.join(sorted(unknown))}: {', '.join(BENCHES)}")
    if plot is not None and "serving" not in names:
        raise typer.BadParameter("--plot draws `serving`, which is not measured")
    report: dict[str, Any] = {
        "machine": machine(),
        "onnxruntime": onnxruntime.__version__,
        "faiss": faiss.__version__,
    }
    figures: list[Figure] = []
    with planned(keep, short=short) as plan:
        for name in names:
            say(f"{name} ...")
            report[name] = BENCHES[name].measure(plan)
            figures += BENCHES[name].figures(report[name])
    print(json.dumps(report | {"load_at_end": machine()["load"]}, indent=2))
    if short:
        figures = [replace(figure, asked="", met=None) for figure in figures]
    print(markdown(figures), file=sys.stderr)
    if plot is not None:
        draw(report["serving"], plot)


if __name__ == "__main__":
    typer.run(main)
