"""A route without what FastAPI does around an endpoint that needs none of it.

An endpoint that takes the request and gives the response has nothing solved, validated or closed
for it, and pays for it all the same: a third of what a kept answer takes (`python -m bench.cache`).
This stands in front of the same endpoint as FastAPI knows it, which describes it.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope


class PlainRoute(Route):
    """`POST` to one address; its body is cut off at a limit, as FastAPI's routes do."""

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], max_body_bytes: int
    ) -> None:
        super().__init__(path, endpoint, methods=["POST"], max_body_size=max_body_bytes)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match its own requests alone, and say which route it was, as FastAPI's do."""
        if scope["type"] == "http" and scope["path"] == self.path and scope["method"] == "POST":
            return Match.FULL, {"endpoint": self.endpoint, "path_params": {}, "route": self}
        return Match.NONE, {}
