"""The queue is bounded: what would wait too long is refused, before anything of it is read.

    request -> a place? a short enough wait? -> app, with a Ticket | 429, and when to come back

A refusal has to cost next to nothing, or a flood of them takes what it is to protect: it is made
of a few bytes here, before any routing. Its connection is kept, and what is left of the body read
and thrown away: a caller that is still sending would find it closed, and not be told why.
"""

import json
import math
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.loop_lag import LoopLag
from service.api.serving import Serving
from service.core.errors import OverloadedError
from service.pipeline.load import Load

_WAIT = 1.1
"""Of the target, that a query may wait: twice the target is what its caller sees at worst."""
_PATIENCE = 20.0
"""Likewise of many queries in one request, whose caller expects to wait."""
_LONGEST_SECONDS = 60
_BULK, _ONE, _SIMILAR = "/v1/products:bulk", "/v1/products/{product_id}", "/similar"


@dataclass(frozen=True, slots=True)
class _Queue:
    """What requests wait in, and for how long they may."""

    load: Load
    seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class _Refused:
    """A route that was not come to; requests are counted by its path."""

    path: str


class Admit:
    """Lets requests in while there is room; they are handed a Ticket in `request.state.ticket`.

    Pure ASGI; stands inside `Observe` and `Authenticate`. Used on the event loop alone.
    """

    def __init__(
        self, app: ASGIApp, serving: Serving, max_in_flight: int, target_seconds: float
    ) -> None:
        """Guard an app.

        Args:
            app: What serves those who come in.
            serving: Whose threads they wait for.
            max_in_flight: Requests that search or write at once, waiting ones included.
            target_seconds: How long a query should take.
        """
        self._app = app
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._lag = LoopLag()
        self._queries = _Queue(serving.searchers.load, _WAIT * target_seconds)
        many = _Queue(serving.batchers.load, _PATIENCE * target_seconds)
        self._writes = _Queue(Load())
        self._posts = {
            "/v1/search": self._queries,
            "/v1/search:batch": many,
            "/v1/embeddings": many,
            _BULK: self._writes,
            "/v1/events": self._writes,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        found = self._queue(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, queue = found
        wait = queue.load.wait_seconds + self._lag.seconds
        if self._in_flight >= self._max_in_flight or wait > queue.seconds:
            scope["route"] = _Refused(route)
            await _refuse(scope, send, wait)
            return
        self._in_flight += 1
        ticket = queue.load.admit()
        scope["state"]["ticket"] = ticket

        async def receive_counted() -> Message:
            with ticket.receiving():
                return await receive()

        try:
            await self._app(scope, receive_counted, send)
        finally:
            self._in_flight -= 1
            ticket.close()

    def _queue(self, scope: Scope) -> tuple[str, _Queue] | None:
        """Return the route of a request by its template, and what it waits in, if in anything."""
        method, path = scope["method"], scope["path"]
        if method == "POST":
            return (path, self._posts[path]) if path in self._posts else None
        if not path.startswith("/v1/products/"):
            return None
        if method == "GET":
            # As it was sent: a product's id may end so too, with its slash escaped.
            similar = scope["raw_path"].endswith(_SIMILAR.encode())
            return (_ONE + _SIMILAR, self._queries) if similar else None
        return (_ONE, self._writes) if method in ("PUT", "PATCH", "DELETE") else None


def retry_after(wait_seconds: float) -> int:
    """Return after how many whole seconds what is under way should be done, at least 1."""
    return max(1, math.ceil(min(wait_seconds, _LONGEST_SECONDS)))


async def _refuse(scope: Scope, send: Send, wait_seconds: float) -> None:
    status, seconds = HTTPStatus.TOO_MANY_REQUESTS, retry_after(wait_seconds)
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": f"more is asked than can be answered in time; try again in {seconds} s",
        "code": OverloadedError.code,
        "request_id": scope["state"]["request_id"],
    }
    body = json.dumps(problem).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(seconds).encode()),
    ]
    if _without_end(scope):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_end(scope: Scope) -> bool:
    """Whether nobody knows how much of a request is left unread, or whether it is ever sent."""
    return any(name in (b"transfer-encoding", b"expect") for name, _ in scope["headers"])
