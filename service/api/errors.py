"""The one table from error to HTTP status, and problem+json (RFC 9457) for every failure."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount

from service.api.admission import retry_after
from service.api.schemas import Problem
from service.core import errors

STATUS: dict[type[errors.VitrineError], HTTPStatus] = {
    errors.VitrineError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidImageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnsupportedImageError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.CorruptImageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ImageTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidQueryError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidFilterError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ProductNotFoundError: HTTPStatus.NOT_FOUND,
    errors.RevisionError: HTTPStatus.PRECONDITION_FAILED,
    errors.RequestKeyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ImageNotFoundError: HTTPStatus.NOT_FOUND,
    errors.CatalogSourceError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.FetchError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IndexUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.IndexCorruptError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.IndexChoiceError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IndexRefusedError: HTTPStatus.CONFLICT,
    errors.VersionNotFoundError: HTTPStatus.NOT_FOUND,
    errors.BundleError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BundleMismatchError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SettingsError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ProviderUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.OverloadedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DeadlineExceededError: HTTPStatus.GATEWAY_TIMEOUT,
    errors.AbandonedError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.EncoderError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ReindexFailedError: HTTPStatus.CONFLICT,
    errors.StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CatalogBusyError: HTTPStatus.CONFLICT,
    errors.CacheError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_CLIENT_GONE = 499  # As nginx has it: the caller hung up before it had an answer.
_RETRY_AFTER = {HTTPStatus.TOO_MANY_REQUESTS: "1", HTTPStatus.SERVICE_UNAVAILABLE: "5"}
HTTP_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}
_HTTP_DETAILS = {
    HTTPStatus.NOT_FOUND: "nothing is served at this address; /docs lists what is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take that method; `Allow` lists which",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than the service accepts",
}
# Messages that name files of this machine, and what a caller is told instead.
_NAMES_FILES: dict[type[errors.VitrineError], str] = {
    errors.IndexCorruptError: "the index on disk is damaged: run `vitrine reindex` again",
    errors.StoreError: "the catalogue database refused; the service's log says why",
    errors.CatalogBusyError: "an index is being built or promoted; ask again when that is done",
    errors.BundleError: "the model bundle cannot be used; the service's log says why",
    errors.EncoderError: "the model failed on the picture; the service's log says why",
}
Handler = Callable[[Request, Exception], Awaitable[Response]]
_MAX_LISTED = 10
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_log = structlog.get_logger()


def public_detail(exc: errors.VitrineError) -> str:
    """Return what a caller may know of an error: all but the files of this machine."""
    return _NAMES_FILES.get(type(exc), str(exc))


def validation_detail(found: Sequence[Any]) -> str:
    """Say what is wrong where, of errors as pydantic lists them."""
    parts = []
    for error in found[:_MAX_LISTED]:
        where = ".".join(str(part)[:100] for part in error["loc"] if part != "body") or "body"
        parts.append(f"{where}: {error['msg'].removeprefix('Value error, ')}")
    if len(found) > _MAX_LISTED:
        parts.append(f"and {len(found) - _MAX_LISTED} more")
    return "; ".join(parts)


def problem(request: Request, status: HTTPStatus, code: str, detail: str) -> JSONResponse:
    """Answer with a problem+json body."""
    body = _body(request, status, code, detail)
    headers = {"Retry-After": _RETRY_AFTER[status]} if status in _RETRY_AFTER else None
    return JSONResponse(
        body.model_dump(), status, headers=headers, media_type="application/problem+json"
    )


def problem_of(request: Request, exc: errors.VitrineError | RequestValidationError) -> Problem:
    """Describe what is wrong with a part of a request, whose other parts are answered."""
    if isinstance(exc, RequestValidationError):
        detail = validation_detail(exc.errors())
        return _body(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_query", detail)
    return _body(request, STATUS[type(exc)], exc.code, public_detail(exc))


def _body(request: Request, status: HTTPStatus, code: str, detail: str) -> Problem:
    return Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request.state.request_id,
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make every failure of the app a problem+json answer."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _on_unexpected_error)


def handler_of(exc: Exception) -> Handler | None:
    """Return what answers an error; None of an unexpected one, which Starlette hands on."""
    return next((_HANDLERS[kind] for kind in type(exc).__mro__ if kind in _HANDLERS), None)


async def _on_vitrine_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, errors.VitrineError)
    status = STATUS[type(exc)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.GATEWAY_TIMEOUT:
        _log.warning(
            "request_failed", code=exc.code, detail=str(exc), request_id=request.state.request_id
        )
    answer = problem(request, status, exc.code, public_detail(exc))
    if isinstance(exc, errors.OverloadedError) and hasattr(request.state, "ticket"):
        answer.headers["Retry-After"] = str(retry_after(request.state.ticket.wait_seconds))
    return answer


async def _on_validation_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    detail = validation_detail(exc.errors())
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_query", detail)


async def _on_http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    status = HTTPStatus(exc.status_code)
    code = HTTP_CODES.get(status, "invalid_request")
    response = problem(request, status, code, _HTTP_DETAILS.get(status, str(exc.detail)))
    response.headers.update(exc.headers or {})
    if "allow" in response.headers and (methods := _methods(request)):
        response.headers["Allow"] = ", ".join(methods)
    return response


def _methods(request: Request) -> list[str]:
    """Return what an address takes, of all its routes: Starlette names those of one alone.

    A mount, which takes every method at first, has named its own.
    """
    sent = {name: request.scope[name] for name in ("path", "raw_path") if name in request.scope}
    address = {"type": "http", **sent, "root_path": "", "headers": []}
    routes = [route for route in request.app.router.routes if not isinstance(route, Mount)]

    def takes(method: str) -> bool:
        scope = {**address, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    return [method for method in _METHODS if takes(method)]


async def _on_client_gone(request: Request, exc: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)  # Nobody reads it, but it is counted.


async def _on_unexpected_error(request: Request, exc: Exception) -> JSONResponse:
    request_id = request.state.request_id
    _log.exception("unexpected_error", exc_info=exc, request_id=request_id)
    detail = "something went wrong on our side; the log has it under this request_id"
    response = problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)
    # Starlette answers these outside of every middleware, `Observe` included.
    response.headers["X-Request-ID"] = request_id
    return response


_HANDLERS: dict[type[Exception], Handler] = {
    errors.VitrineError: _on_vitrine_error,
    errors.AbandonedError: _on_client_gone,
    RequestValidationError: _on_validation_error,
    HTTPException: _on_http_error,
    ClientDisconnect: _on_client_gone,
}
