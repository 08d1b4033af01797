"""The `/v1` routes: read the request, call the pipeline, show the answer."""

import re
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from service.api.answering import Answering, respond
from service.api.bodies import SEARCH_BODY, TIMEOUT
from service.api.openapi import problems
from service.api.queries import read_query
from service.api.schemas import SearchResponse
from service.api.serving import Serving
from service.api.working import terms_of
from service.core.errors import ImageNotFoundError

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_FOR_EVER = "public, max-age=31536000, immutable"


def make_picture_routes(serving: Serving) -> APIRouter:
    """Build the route that shows pictures."""
    router = APIRouter(prefix="/v1")

    @router.get(
        "/images/{image_id}",
        summary="A small picture to show",
        response_class=Response,
        responses={200: {"content": {"image/webp": {}, "image/jpeg": {}}}, **problems(404)},
    )
    def get_image(image_id: str) -> Response:
        known = _IMAGE_ID.fullmatch(image_id)
        small = serving.thumbnails.get(image_id) if known else None
        if small is None:
            raise ImageNotFoundError(f"no picture {image_id!r}; ids are those of search results")
        headers = {"Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff"}
        return Response(small.data, media_type=small.media_type, headers=headers)

    return router


SEARCH_PATH = "/v1/search"


def make_search(
    answering: Answering, max_body_bytes: int
) -> Callable[[Request], Awaitable[Response]]:
    """Build what answers searches."""

    async def search(request: Request) -> Response:
        start, terms = time.perf_counter(), terms_of(request)
        query = await read_query(request, max_body_bytes)
        told = await answering.answer(request, query, terms)
        return respond(request, told, start)

    return search


def make_search_routes(search: Callable[[Request], Awaitable[Response]]) -> APIRouter:
    """Build the route that describes searching; `PlainRoute` stands in front of it."""
    router = APIRouter()
    router.post(
        SEARCH_PATH,
        summary="Find the products that look most like a picture, or like what is asked",
        response_model=SearchResponse,
        responses=problems(400, 404, 413, 415, 422, 429, 503, 504),
        openapi_extra={**SEARCH_BODY, **TIMEOUT},
    )(search)
    return router
