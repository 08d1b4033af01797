"""`/v1/index`: what is served, the versions there are, and which of them shall serve."""

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from service.api.bodies import PROMOTE_BODY
from service.api.index_schemas import IndexOut, PromoteRequest, VersionOut, VersionsOut
from service.api.openapi import problems
from service.api.queries import content_type, read_json, validated
from service.api.serving import Serving

_MAX_BODY_BYTES = 65_536
_log = structlog.get_logger()


def make_index_routes(serving: Serving) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/v1", max_body_size=_MAX_BODY_BYTES)

    @router.get("/index", summary="The index being served", responses=problems(503))
    def get_index() -> IndexOut:
        return IndexOut.of(serving)

    @router.get(
        "/index/versions",
        summary="The versions of the index on disk, and which of them serves",
        responses=problems(503),
    )
    def list_versions() -> VersionsOut:
        listed = serving.versions.listed()
        return VersionsOut(versions=[VersionOut.of(state, kept) for state, kept in listed])

    @router.post(
        "/index:promote",
        summary="Put a version in service, if it passes the gate; the answer is what serves then",
        responses=problems(404, 409, 413, 415, 422, 503),
        openapi_extra=PROMOTE_BODY,
    )
    async def promote(request: Request) -> IndexOut:
        if content_type(request) != "application/json":
            raise HTTPException(415, "send application/json with `version`")
        asked = validated(PromoteRequest, await read_json(request))
        return await run_in_threadpool(_moved, request, "index_promoted", asked.version)

    @router.post(
        "/index:rollback",
        summary="Put the version in service that served before; the answer is what serves then",
        responses=problems(404, 409, 503),
    )
    def roll_back(request: Request) -> IndexOut:
        return _moved(request, "index_rolled_back", None)

    def _moved(request: Request, event: str, version: int | None) -> IndexOut:
        """Promote a version, or with none roll back; the log says who did."""
        if version is None:
            serving.versions.roll_back()
        else:
            serving.versions.promote(version)
        shown = IndexOut.of(serving)
        who = getattr(request.state, "key_name", None)
        _log.info(event, version=shown.version, key=who, request_id=request.state.request_id)
        return shown

    return router
