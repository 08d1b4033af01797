"""`vitrine serve`: the REST service."""

from typing import Annotated

import typer
import uvicorn

from service.api.app import create_app
from service.cli.options import Bundle, DataDir, settings_with
from service.settings import Settings
from service.wiring import serving


def serve(
    data_dir: DataDir = None,
    bundle: Bundle = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [8000]")] = None,
) -> None:
    """Serve searches over REST, and a page to try them at /."""
    run_server(settings_with(data_dir=data_dir, bundle=bundle, host=host, port=port))


def run_server(settings: Settings) -> None:
    """Serve until interrupted; a new index is picked up while serving."""
    with serving(settings) as parts:
        app = create_app(parts, max_image_bytes=settings.max_image_bytes)
        uvicorn.run(app, host=settings.host, port=settings.port, log_level="info", access_log=False)
