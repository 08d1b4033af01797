"""How large a body may be; a larger one is refused at once.

request -> says how long its body is? -> app | 413
        -> does not? app, which reads as much as the limit -> 413
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import problem


class BodyLimit:
    """Refuses a declared Content-Length beyond the limit unread, and counts what is not declared.

    Pure ASGI; stands inside `Observe`, which gives the request its id.
    """

    def __init__(self, app: ASGIApp, usual: int, others: Mapping[str, int | None]) -> None:
        """Guard an app; `others` have a limit of their own, or none: they read bit by bit."""
        self._app = app
        self._usual = usual
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        limit = self._others.get(scope["path"], self._usual) if scope["type"] == "http" else None
        if limit is not None:
            declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"")
            if not declared.isdigit():
                receive = _counted(receive, limit)
            elif int(declared) > limit:
                request = Request(scope)
                detail = f"a body of {int(declared):,} bytes; at most {limit:,} fit"
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                refusal = problem(request, status, "body_too_large", detail)
                refusal.headers["Connection"] = "close"
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _counted(receive: Receive, limit: int) -> Receive:
    """Return what receives as much as the limit; beyond, it raises HTTPException."""
    left = limit

    async def receive_some() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return receive_some
