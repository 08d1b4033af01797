"""A route without what FastAPI and Starlette do around an endpoint that needs none of it.

An endpoint that takes the request and gives the response has nothing solved, validated or closed
for it, and pays for it all the same: a third of what a kept answer takes (`python -m bench.cache`).
This stands in front of the same endpoint as FastAPI knows it, which describes it.

    request -> its own? -> endpoint -> response | an error -> its problem
            -> another's -> app
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import handler_of


class PlainRoute:
    """`POST` to one address.

    Pure ASGI; the innermost, since it leaves to the others what they do of every request.
    """

    def __init__(
        self, app: ASGIApp, path: str, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._app = app
        self.path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or hand it on."""
        if scope["type"] != "http" or scope["path"] != self.path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self  # as Starlette's do; requests are counted by its path
        request = Request(scope, receive)
        try:
            response = await self._endpoint(request)
        except Exception as exc:
            handler = handler_of(exc)
            if handler is None:
                raise
            response = await handler(request, exc)
            exc.__traceback__ = None  # one that is raised again would grow, and hold what it saw
        await response(scope, receive, send)
