"""`vitrine serve`: the REST service."""

import sys
from typing import Annotated

import structlog
import typer
import uvicorn
from fastapi import FastAPI

from service.api.app import create_app
from service.api.serving import Serving
from service.cli.options import Bundle, DataDir, settings_with
from service.core.access import Keyring
from service.core.rates import Buckets
from service.settings import Settings
from service.wiring import make_keyring, rate_limiting, serving


def serve(
    data_dir: DataDir = None,
    bundle: Bundle = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [8000]")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine without any key.")
    ] = False,
) -> None:
    """Serve searches over REST, and a page to try them at /."""
    given = {"data_dir": data_dir, "bundle": bundle, "host": host, "port": port}
    run_server(settings_with(**given, insecure=insecure or None))


def run_server(settings: Settings) -> None:
    """Serve until interrupted; a new index is picked up while serving."""
    keys = make_keyring(settings)  # before the model, which takes longer to read
    _log_as_json()
    with serving(settings) as parts, rate_limiting(settings) as buckets:
        parts.live.watch(settings.index_poll_seconds)
        uvicorn.run(
            make_app(parts, settings, keys, buckets),
            host=settings.host,
            port=settings.port,
            log_level="info",
            access_log=False,
        )


def make_app(
    parts: Serving,
    settings: Settings,
    keys: Keyring | None = None,
    buckets: Buckets | None = None,
) -> FastAPI:
    """Build the app with the limits that the settings name."""
    return create_app(
        parts,
        max_image_bytes=settings.max_image_bytes,
        max_in_flight=settings.max_in_flight,
        keys=keys,
        buckets=buckets,
    )


def _log_as_json() -> None:
    """Write a JSON line an event on stderr; tracebacks go without the values of variables."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
