"""`vitrine demo`: an invented shop, rendered, indexed and served by one command."""

import json
import shlex
import threading
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvicorn

from service.adapters.catalog_sources import open_source
from service.cli.options import settings_with
from service.cli.reindex import run_reindex, show_report
from service.cli.serve import make_app, run_server
from service.demo.catalog import encode, write_catalog
from service.demo.contact_sheet import contact_sheet
from service.demo.products import products
from service.demo.render import render
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import serving

_VIEWS = 3
_QUERIES = 12


def demo(
    count: Annotated[
        int, typer.Option("--products", min=1, max=1_000_000, help="Products to invent.")
    ] = 600,
    data_dir: Annotated[Path, typer.Option(help="Folder for all of it.")] = Path("data/demo"),
    port: Annotated[int | None, typer.Option(help="Port to serve on. [8000]")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Make one search over HTTP, print it, and stop.")
    ] = False,
    render_only: Annotated[
        bool, typer.Option("--render-only", help="Only write the catalogue and its pictures.")
    ] = False,
) -> None:
    """Render a demo catalogue, index it, and serve it."""
    catalog, queries = _write_pictures(data_dir, count)
    if render_only:
        return
    settings = settings_with(data_dir=data_dir, port=0 if once else port)
    report = run_reindex(settings, open_source(catalog, columns={}), ReindexOptions())
    show_report(report, data_dir)
    if once:
        _search_once(settings, queries[0])
        return
    address = f"http://{settings.host}:{settings.port}"
    typer.secho(f"\nOpen {address} and drop one of {data_dir / 'queries'} on the page, or:")
    typer.echo(
        f"  curl -s -F file=@{shlex.quote(str(queries[0]))} -F limit=3 {address}/v1/search\n"
    )
    run_server(settings)


def _write_pictures(folder: Path, count: int) -> tuple[Path, list[Path]]:
    """Write catalogue, contact sheet and some views the catalogue has not; return their paths."""
    catalog = folder / "catalog.parquet"
    (folder / "queries").mkdir(parents=True, exist_ok=True)
    rows = write_catalog(catalog, count, views=_VIEWS)
    shown = list(products(min(count, 60)))
    contact_sheet([render(p) for p in shown], columns=10).save(folder / "contact-sheet.png")
    queries = []
    for product in shown[:_QUERIES]:
        path = folder / "queries" / f"{product.id}.jpg"
        path.write_bytes(encode(render(product, view=_VIEWS + 1)))
        queries.append(path)
    typer.echo(f"{catalog}: {count:,} products, {rows:,} pictures; {folder / 'contact-sheet.png'}")
    return catalog, queries


def _search_once(settings: Settings, picture: Path) -> None:
    """Serve on a free port just long enough for one real search; print the answer."""
    with serving(settings) as parts:
        app = make_app(parts, settings)
        config = uvicorn.Config(app, host=settings.host, port=0, log_level="warning")
        server = uvicorn.Server(config)
        socket = config.bind_socket()
        socket.listen()  # a connection then waits for the server, however long it takes to start
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            host, port, *_ = socket.getsockname()
            response = httpx.post(
                f"http://{host}:{port}/v1/search",
                files={"file": picture.read_bytes()},
                data={"limit": "3"},
                timeout=60,
                trust_env=False,
            )
        finally:
            server.should_exit = True
            thread.join()
    typer.echo(json.dumps(response.json(), indent=2))
    response.raise_for_status()
