"""The door: who may do what, before anything of a request is read.

    request -> open to all? -> key -> scope that method and path need -> app | 401 | 403

Only what is listed is open, and what is not listed needs `admin`, so that a new route is shut until
somebody thinks of it.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import problem
from service.core import access
from service.core.access import Keyring
from service.core.errors import ForbiddenError, UnauthorizedError

# The page, its files, health, and small pictures, which an <img> asks for without a key; their
# addresses are digests, which only an answer tells.
_OPEN = ("/", "/livez", "/readyz", "/docs", "/openapi.json")
_OPEN_UNDER = ("/static/", "/v1/images/")
_SEARCH_UNDER = ("/v1/search", "/v1/embeddings", "/v1/events")
_READS = ("GET", "HEAD")


def needed_scope(method: str, path: str) -> access.Scope | None:
    """Return what a key must open for this; None where no key is needed."""
    if method in _READS and (path in _OPEN or path.startswith(_OPEN_UNDER)):
        return None
    if path.startswith(_SEARCH_UNDER):
        return access.Scope.SEARCH
    if path.startswith("/v1/products"):
        return access.Scope.SEARCH if method in _READS else access.Scope.WRITE
    if path == "/v1/index" and method in _READS:
        return access.Scope.SEARCH
    return access.Scope.ADMIN


class Authenticate:
    """Lets requests through whose key opens what they ask for, and notes the key's name.

    Pure ASGI; stands inside `Observe`, which gives the request its id.
    """

    def __init__(self, app: ASGIApp, keys: Keyring) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        needed = needed_scope(request.method, scope["path"])
        secret = _secret(request)
        key = self._keys.find(secret) if secret else None
        if needed is None or (key is not None and needed in key.scopes):
            if key is not None:
                request.state.key_name = key.name
            await self._app(scope, receive, send)
            return
        if key is None:
            status, code = HTTPStatus.UNAUTHORIZED, UnauthorizedError.code
            given = "is not known" if secret else "is missing"
            detail = f"the key {given}: send `Authorization: Bearer KEY` or `X-API-Key: KEY`"
        else:
            status, code = HTTPStatus.FORBIDDEN, ForbiddenError.code
            detail = f"the key {key.name!r} does not open `{needed}`"
        refusal = problem(request, status, code, detail)
        refusal.headers["Connection"] = "close"  # the body is left unread
        if key is None:
            refusal.headers["WWW-Authenticate"] = "Bearer"
        await refusal(scope, receive, send)


def _secret(request: Request) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    return request.headers.get("x-api-key", "").strip()
