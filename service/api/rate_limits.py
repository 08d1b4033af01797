"""How often a key may ask, said in every answer as the IETF's draft on rate limit headers has it.

    request -> open to all? -> key, else address -> take a token -> app | 429

https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import math
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.auth import needed_scope
from service.api.errors import problem
from service.core.errors import RateLimitedError
from service.core.rates import Buckets, Taken

_THREADS = 8  # of its own, so that busy routes do not delay it


class RateLimit:
    """Refuses what is over the rate, before anything of the body is read.

    Pure ASGI; stands inside `Authenticate`, which says whose request it is.
    """

    def __init__(self, app: ASGIApp, buckets: Buckets) -> None:
        self._app = app
        self._buckets = buckets
        self._threads = CapacityLimiter(_THREADS)
        rate = buckets.rate
        window = math.ceil(rate.burst / rate.per_second)
        self._policy = f'"default";q={rate.burst};w={window}'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http" or needed_scope(scope["method"], scope["path"]) is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        taken = await self._take(request)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                limit = f'"default";r={taken.remaining};t={math.ceil(taken.full_seconds)}'
                message["headers"].append((b"ratelimit-policy", self._policy))
                message["headers"].append((b"ratelimit", limit.encode()))
            await send(message)

        if taken.allowed:
            await self._app(scope, receive, send_with_limits)
            return
        wait = max(1, math.ceil(taken.wait_seconds))
        detail = f"too many requests; the next one may come in {wait} s"
        refusal = problem(request, HTTPStatus.TOO_MANY_REQUESTS, RateLimitedError.code, detail)
        refusal.headers["Retry-After"] = str(wait)
        refusal.headers["Connection"] = "close"  # the body is left unread
        await refusal(scope, receive, send_with_limits)

    async def _take(self, request: Request) -> Taken:
        address = request.client.host if request.client else ""
        key_name = getattr(request.state, "key_name", None)
        name = f"address:{address}" if key_name is None else f"key:{key_name}"
        if not self._buckets.waits:
            return self._buckets.take(name)
        return await to_thread.run_sync(self._buckets.take, name, limiter=self._threads)
