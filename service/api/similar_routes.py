"""`GET /v1/products/{id}/similar`: what looks like a product, for its page in the shop."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from service.api.answering import Answering, respond
from service.api.bodies import SIMILAR_PARAMETERS
from service.api.openapi import problems
from service.api.product_address import PRODUCT
from service.api.queries import AskedQuery, parse_options
from service.api.schemas import SearchResponse
from service.api.working import terms_of
from service.pipeline.querying import LikeProduct, Query


class _LastSegment(APIRoute):
    """A route whose last segment is one as it was sent: `a%2Fsimilar` is an id, no `/similar`."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as every route does, but where the slash before the last segment was escaped."""
        sent = scope.get("raw_path") or b""
        if b"%2f" in sent.rpartition(b"/")[2].lower():
            return Match.NONE, {}
        return super().matches(scope)


def make_similar_routes(answering: Answering) -> APIRouter:
    """Build the route; it goes before that of a product, which would take `/similar` for an id."""
    router = APIRouter(prefix="/v1", route_class=_LastSegment)

    @router.get(
        f"{PRODUCT}/similar",
        summary="Products that look like one of the catalogue",
        response_model=SearchResponse,
        responses=problems(404, 422, 429, 503, 504),
        openapi_extra=SIMILAR_PARAMETERS,
    )
    async def similar(
        request: Request, product_id: Annotated[str, Path(description="It may have slashes.")]
    ) -> Response:
        start, terms = time.perf_counter(), terms_of(request)
        query = AskedQuery.of(parse_options(request), Query.of(LikeProduct(product_id)))
        told = await answering.answer(request, query, terms)
        return respond(request, told, start)

    return router
