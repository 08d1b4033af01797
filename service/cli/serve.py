"""`vitrine serve`: the REST service."""

import gc
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import structlog
import typer
from fastapi import FastAPI

from service.adapters.heap import bound_heap, trimming_heap
from service.api.app import create_app
from service.api.serving import Serving
from service.cli.listening import listen
from service.cli.options import Bundle, DataDir, SettingsFile, settings_with
from service.core.access import Keyring
from service.core.rates import Buckets
from service.doors import make_keyring, rate_limiting
from service.settings import Settings
from service.wiring import compacting_beside, read_ahead, serving

_SWITCH_SECONDS = 0.001
"""After which a thread that wants the interpreter is let: in Python's own 5 ms an encoder would
often stand idle before its next run."""

_ALLOCATIONS = 10_000
"""Between two looks for cycles among new objects, of which a search leaves hardly any; Python's own
are 700."""


def serve(
    data_dir: DataDir = None,
    bundle: Bundle = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [8000]")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine without any key.")
    ] = False,
    settings: SettingsFile = None,
) -> None:
    """Serve searches over REST, and a page to try them at /."""
    given = {"data_dir": data_dir, "bundle": bundle, "host": host, "port": port}
    given["settings_file"] = settings
    run_server(settings_with(**given, insecure=insecure or None))


def run_server(settings: Settings) -> None:
    """Serve until interrupted or terminated; a new index is picked up while serving."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    bound_heap()  # before there are threads
    keys = make_keyring(settings)  # before the model, which takes longer to read
    _log_as_json()
    # uvicorn raises again what it was stopped by, which by default would end the process at once.
    signal.signal(signal.SIGTERM, _terminated)
    with (
        trimming_heap(),
        serving(settings) as parts,
        rate_limiting(settings) as buckets,
        compacting_beside(settings, parts.live),
    ):
        read_ahead(parts)
        gc.freeze()  # what is loaded by now stays, and need not be looked through again and again
        gc.set_threshold(_ALLOCATIONS)
        parts.live.watch(settings.index_poll_seconds)
        listen(make_app(parts, settings, keys, buckets), settings.host, settings.port)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


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
        max_batch_bytes=settings.max_batch_bytes,
        max_in_flight=settings.max_in_flight,
        latency_target_seconds=settings.latency_target_seconds,
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
