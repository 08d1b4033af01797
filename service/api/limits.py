"""Bodies beyond the limit are refused as problem+json.

FastAPI's own `max_body_size` counts what is read, but answers a declared Content-Length in plain
text; this answers those first, before anything is read.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import problem


class BodyLimit:
    """Pure ASGI; stands inside `Observe`, which gives the request its id."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] == "http":
            request = Request(scope)
            declared = request.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > self._max_body_bytes:
                detail = f"a body of {int(declared):,} bytes; at most {self._max_body_bytes:,} fit"
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                refusal = problem(request, status, "body_too_large", detail)
                refusal.headers["Connection"] = "close"
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
