"""`python -m loadtests.open`: latency against rate, free of coordinated omission.

demo shop + Redis + service -> capacity, in a closed loop -> each rate in an open loop, every answer
    checked -> table, open.json, and a plot if asked for; 1 if an answer was wrong

Requests are sent at moments fixed ahead, whether those before were answered or not, and latency
counts from these: bench/open_loop.py.
"""

import json
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from bench.open_loop import closed, offer
from bench.report import machine
from loadtests.open_report import markdown, plot
from loadtests.quiet import ask_quietly
from loadtests.redis_process import redis_process
from loadtests.run import DEFAULT_REPORT, prepared, stop
from loadtests.stack import LoadTestError, Served, service, shop_settings
from loadtests.visits import Visits
from loadtests.workload import Workload

_SHARES = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.25)
"""Of capacity, where no rates are given; past it the service may refuse."""
_CAPACITY_SECONDS, _AT_ONCE = 10, 16


def load(
    rate: Annotated[
        list[float] | None,
        typer.Option(help="Requests a second; several times. [shares of capacity]"),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to load at each rate.")] = 20,
    products: Annotated[int, typer.Option(min=16, help="Products of the demo shop.")] = 400,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="A PNG to draw.")] = None,
    report: Annotated[Path, typer.Option(help="Folder for open.json.")] = DEFAULT_REPORT,
) -> None:
    """Load a demo shop at rates, and print latencies; exit status 1 if any answer was wrong."""
    signal.signal(signal.SIGTERM, stop)
    report.mkdir(parents=True, exist_ok=True)
    try:
        found = measure(rate or (), seconds, products)
    except LoadTestError as exc:
        typer.secho(str(exc), fg="red", err=True)
        raise typer.Exit(1) from exc
    (report / "open.json").write_text(json.dumps(found, indent=2) + "\n")
    typer.echo(markdown(found))
    if plot_to:
        plot(found, plot_to)
    for error, count in found["errors"].items():
        typer.secho(f"{count:,} x {error}", fg="red", err=True)
    if found["errors"]:
        raise typer.Exit(1)


def measure(rates: Sequence[float], seconds: float, products: int) -> dict[str, Any]:
    """Return what came of each rate.

    Raises:
        LoadTestError: The shop could not be served.
    """
    with tempfile.TemporaryDirectory(prefix="vitrine-open-") as name:
        folder = Path(name)
        workload = prepared(folder, products)
        with (
            redis_process(folder) as server,
            service(folder / "data", folder / "service.log", shop_settings(server.url)) as served,
        ):
            quiet = ask_quietly(workload, served.address)
            found = uvloop.run(_rates(quiet.workload, served, rates, seconds))
    return found | {"seconds": seconds, "products": products, "machine": machine()}


async def _rates(
    workload: Workload, served: Served, rates: Sequence[float], seconds: float
) -> dict[str, Any]:
    visits = Visits(workload, served.address, may_refuse=True)
    await visits.tour()
    warm = await closed(visits.send, at_once=_AT_ONCE, seconds=min(_CAPACITY_SECONDS, seconds))
    capacity = warm.goodput
    typer.echo(f"capacity {capacity:.0f} requests/s, {_AT_ONCE} at once", err=True)
    points = []
    for rate in rates or [share * capacity for share in _SHARES]:
        typer.echo(f"{rate:.0f} requests/s for {seconds:g} s", err=True)
        offered = await offer(visits.send, rate=rate, seconds=seconds)
        points.append({"rate": round(rate, 1), **offered.told()})
    visits.close()
    return {
        "capacity_per_second": round(capacity, 1),
        "rates": points,
        "names": dict(visits.names.most_common()),
        "errors": dict(visits.errors.most_common()),
    }


if __name__ == "__main__":
    typer.run(load)
