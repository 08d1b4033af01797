"""What a process takes on: how large a body, how much at once; more is refused at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import problem
from service.core.errors import OverloadedError


class Admission:
    """Counts requests from before their body is read; used on the event loop alone."""

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            OverloadedError: All places are taken.
        """
        if self._in_flight >= self._max_in_flight:
            raise OverloadedError("the service is at capacity; try again in a moment")
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1


class BodyLimit:
    """Refuses a declared Content-Length beyond the limit, before anything is read.

    FastAPI's own `max_body_size` counts what is read, but answers these in plain text. Pure ASGI;
    stands inside `Observe`, which gives the request its id.
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
            if declared.isdigit() and int(declared) > limit:
                request = Request(scope)
                detail = f"a body of {int(declared):,} bytes; at most {limit:,} fit"
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                refusal = problem(request, status, "body_too_large", detail)
                refusal.headers["Connection"] = "close"
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
