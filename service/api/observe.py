"""Around every request: an id for it, and its count and duration, with those of its answers."""

import os
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.metrics import Metrics

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Observe:
    """Pure ASGI, since Starlette's BaseHTTPMiddleware costs a task a request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            # A mount has no route of its own, but is in the root path.
            mounted: str = scope.get("root_path") or "unmatched"
            found = scope.get("route")
            route: str = getattr(found, "path_format", getattr(found, "path", mounted))
            seconds = time.perf_counter() - start
            self._metrics.count_request(scope["method"], route, status, seconds)
            for answer in scope["state"].get("answers", ()):
                self._metrics.count_answer(answer)


def _request_id(scope: Scope) -> str:
    """Take over a caller's id if it is harmless, so that traces join up."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTED_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return os.urandom(16).hex()
