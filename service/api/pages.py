"""What people open in a browser: the search page, and `/docs`; every file comes from this process.

Swagger UI is that of the package fastapi-offline, of which the files alone are used. That of
swagger-ui-bundle, version 4, does not read OpenAPI 3.1.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

_WEB = Path(__file__).parents[1] / "web"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",  # Kept, but asked for again: an upgrade shows at once.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def add_pages(app: FastAPI) -> None:
    """Serve the pages and their files; without its package there is no `/docs`."""
    _add_page(app, "/", "index.html")
    swagger = _swagger_files()
    if swagger is not None:
        _add_page(app, "/docs", "docs.html")
        app.mount("/static/swagger", _Files(directory=swagger), name="swagger")
    app.mount("/static", _Files(directory=_WEB), name="static")


def _add_page(app: FastAPI, path: str, name: str) -> None:
    @app.get(path, include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_WEB / name, headers=_HEADERS)


def _swagger_files() -> Path | None:
    found = find_spec("fastapi_offline")
    return Path(found.origin).with_name("static") if found and found.origin else None


class _Files(StaticFiles):
    """Files of pages, which are among them and no less guarded here."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_HEADERS)
        return response
