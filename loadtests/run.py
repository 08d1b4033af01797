"""`python -m loadtests.run`: load a service of its own, and judge the answers.

render shop -> reindex -> Redis + service -> locust -> summary -> 0, or 1 if any answer was wrong
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
from loadtests.stack import LoadTestError, index_catalog, redis_server, run_to_end, service, tail
from loadtests.summary import Figures, Summary, summarise
from loadtests.workload import FIGURES_VARIABLE, WORKLOAD_VARIABLE, Workload

_DEFAULT_REPORT = Path(__file__).parent / "reports"
_LOCUSTFILE = Path(__file__).parent / "locustfile.py"


def load(
    seconds: Annotated[int, typer.Option(min=1, help="How long to load.")] = 30,
    users: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 8,
    products: Annotated[int, typer.Option(min=16, help="Products of the demo shop.")] = 400,
    report: Annotated[
        Path, typer.Option(help="Folder for report.html and summary.json.")
    ] = _DEFAULT_REPORT,
) -> None:
    """Load a demo shop; exit status 1 if any request failed or any answer was wrong.

    Redis, the catalogue and the service are started on this machine and stopped at the end.
    """
    signal.signal(signal.SIGTERM, _stop)
    report.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="vitrine-load-") as folder:
            workload = _prepare(Path(folder), products)
            summary, status = _load(Path(folder), workload, report.resolve(), seconds, users)
    except LoadTestError as exc:
        typer.secho(str(exc), fg="red", err=True)
        raise typer.Exit(1) from exc
    summary.write(report / "summary.json")
    summary.show(Console(highlight=False))
    typer.echo(f"report: {report / 'report.html'}")
    problems = summary.problems + ([f"locust ended with status {status}"] if status else [])
    if problems:
        typer.secho(f"FAILED: {'; '.join(problems)}", fg="red", err=True)
        raise typer.Exit(1)


def _prepare(folder: Path, products: int) -> Workload:
    """Render and index a shop; return what to ask it for."""
    typer.echo(f"rendering and indexing {products:,} products")
    pictures = folder / "queries"
    pictures.mkdir()
    workload = write_shop(folder / "catalog.parquet", pictures, products)
    index_catalog(folder / "catalog.parquet", folder / "data", folder / "reindex.log")
    return workload


def _load(
    folder: Path, workload: Workload, report: Path, seconds: int, users: int
) -> tuple[Summary, int]:
    """Run Redis, the service and locust; return the figures, and locust's exit status."""
    files = {
        WORKLOAD_VARIABLE: str(folder / "workload.json"),
        FIGURES_VARIABLE: str(folder / "figures.json"),
    }
    workload.write(Path(files[WORKLOAD_VARIABLE]))
    log = folder / "locust.log"
    with (
        redis_server(folder) as redis_url,
        service(folder / "data", redis_url, folder / "service.log") as address,
    ):
        typer.echo(f"loading {address} with {users} users for {seconds} s; cache {redis_url}")
        command = [
            *(sys.executable, "-m", "locust", "--locustfile", str(_LOCUSTFILE), "--headless"),
            *("--host", address, "--users", str(users), "--spawn-rate", str(users)),
            *("--run-time", f"{seconds}s", "--stop-timeout", "10", "--only-summary"),
            *("--html", str(report / "report.html")),
        ]
        status = run_to_end(command, log, files)
        figures = Path(files[FIGURES_VARIABLE])
        if not figures.exists():
            raise LoadTestError(f"locust ended with status {status}:\n{tail(log)}")
        return summarise(Figures.read(figures), address, redis_url), status


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Unwind, so that everything started is stopped."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    typer.run(load)
