"""`python -m loadtests.run`: load a service of its own, and judge the answers.

render shop -> reindex -> Redis + service -> what each picture finds at rest -> locust -> summary
    -> 0, or 1 if an answer was wrong or an aim was missed
"""

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from loadtests.pictures import write_shop
from loadtests.quiet import ask_quietly
from loadtests.redis_process import redis_process
from loadtests.shapes import SECONDS, SHAPE_VARIABLE, Name, Shape
from loadtests.stack import (
    LoadTestError,
    index_catalog,
    run_to_end,
    service,
    shop_settings,
    tail,
)
from loadtests.summary import Aims, Figures, Summary, summarise
from loadtests.workload import FIGURES_VARIABLE, WORKLOAD_VARIABLE, Workload

DEFAULT_REPORT = Path(__file__).parent / "reports"
_LOCUSTFILE = Path(__file__).parent / "locustfile.py"


def load(
    shape: Annotated[Name, typer.Option(help="How many visitors when: docs/benchmarks.md.")] = (
        "steady"
    ),
    seconds: Annotated[
        int | None,
        typer.Option(min=1, help="How long to load. [steady 30, ramp 120, spike 60, soak 600]"),
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="Visitors, times what the shape says.")] = 8,
    products: Annotated[int, typer.Option(min=16, help="Products of the demo shop.")] = 400,
    slo_p95_ms: Annotated[float | None, typer.Option(help="Most for 95 % of searches.")] = None,
    slo_p99_ms: Annotated[float | None, typer.Option(help="Most for 99 % of searches.")] = None,
    slo_failures: Annotated[
        float, typer.Option(min=0, max=1, help="Share of requests that may fail.")
    ] = 0.0,
    report: Annotated[
        Path, typer.Option(help="Folder for report.html, the CSV files and summary.json.")
    ] = DEFAULT_REPORT,
) -> None:
    """Load a demo shop; exit status 1 if an answer was wrong or an aim was missed.

    Redis, the catalogue and the service are started on this machine and stopped at the end. The
    service takes its settings from the environment.
    """
    signal.signal(signal.SIGTERM, stop)
    report.mkdir(parents=True, exist_ok=True)
    plan = Shape(shape, users, seconds or SECONDS[shape])
    try:
        with tempfile.TemporaryDirectory(prefix="vitrine-load-") as folder:
            workload = prepared(Path(folder), products)
            summary, status = _load(Path(folder), workload, report.resolve(), plan)
    except LoadTestError as exc:
        typer.secho(str(exc), fg="red", err=True)
        raise typer.Exit(1) from exc
    summary.write(report)
    summary.show(Console(highlight=False))
    typer.echo(f"report: {report / 'report.html'}")
    problems = summary.problems(Aims(slo_p95_ms, slo_p99_ms, slo_failures))
    problems += [f"locust ended with status {status}"] if status else []
    if problems:
        typer.secho(f"FAILED: {'; '.join(problems)}", fg="red", err=True)
        raise typer.Exit(1)


def prepared(folder: Path, products: int) -> Workload:
    """Render and index a shop in `folder / "data"`; return what to ask it for."""
    typer.echo(f"rendering and indexing {products:,} products", err=True)
    pictures = folder / "queries"
    pictures.mkdir()
    workload = write_shop(folder / "catalog.parquet", pictures, products)
    index_catalog(folder / "catalog.parquet", folder / "data", folder / "reindex.log")
    return workload


def _load(folder: Path, workload: Workload, report: Path, shape: Shape) -> tuple[Summary, int]:
    """Run Redis, the service and locust; return the figures, and locust's exit status."""
    files = {
        WORKLOAD_VARIABLE: str(folder / "workload.json"),
        FIGURES_VARIABLE: str(folder / "figures.json"),
        SHAPE_VARIABLE: shape.told(),
    }
    log = folder / "locust.log"
    with (
        redis_process(folder) as server,
        service(folder / "data", folder / "service.log", shop_settings(server.url)) as served,
    ):
        told = f"{shape.name}: up to {shape.most} visitors for {shape.seconds} s"
        typer.echo(f"loading {served.address} ({told}); cache {server.url}")
        quiet = ask_quietly(workload, served.address)
        quiet.workload.write(Path(files[WORKLOAD_VARIABLE]))
        command = [
            *(sys.executable, "-m", "locust", "--locustfile", str(_LOCUSTFILE), "--headless"),
            *("--host", served.address, "--stop-timeout", "10", "--only-summary"),
            # What may fail is judged here, by the aims.
            *("--exit-code-on-error", "0"),
            *("--html", str(report / "report.html"), "--csv", str(report / "locust")),
            "--csv-full-history",
        ]
        status = run_to_end(command, log, files)
        figures = Path(files[FIGURES_VARIABLE])
        if not figures.exists():
            raise LoadTestError(f"locust ended with status {status}:\n{tail(log)}")
        return summarise(
            shape, quiet.sure, Figures.read(figures), served.address, server.url
        ), status


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Unwind, so that everything started is stopped."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    typer.run(load)
