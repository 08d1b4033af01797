"""`POST /v1/search:batch`: many queries, one run of the encoder, an error for each that is wrong.

JSON -> each query parsed alone -> those that are sound answered together -> answers in order
"""

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.api.answering import Answering, Told, written
from service.api.batch_schemas import MAX_QUERIES, BatchItem, BatchRequest, BatchResponse
from service.api.bodies import BATCH_BODY, TIMEOUT
from service.api.errors import problem_of
from service.api.openapi import problems
from service.api.queries import AskedQuery, content_type, parse_query, read_json, validated
from service.api.working import terms_of
from service.core.errors import VitrineError

BATCH_PATH = "/v1/search:batch"


def make_batch_routes(answering: Answering) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/search:batch",
        summary=f"Up to {MAX_QUERIES} searches at once",
        response_model=BatchResponse,
        responses=problems(413, 415, 422, 429, 503, 504),
        openapi_extra={**BATCH_BODY, **TIMEOUT},
    )
    async def search_batch(request: Request) -> Response:
        start, terms = time.perf_counter(), terms_of(request)
        if content_type(request) != "application/json":
            raise HTTPException(415, "send application/json with `queries`")
        queries = _parsed(validated(BatchRequest, await read_json(request)).queries)
        sound = [query for query in queries if isinstance(query, AskedQuery)]
        found = iter(await answering.answers(request, sound, terms))
        items = []
        for query in queries:
            outcome = next(found) if isinstance(query, AskedQuery) else query
            if isinstance(outcome, Told):
                items.append(b'{"answer":%b,"error":null}' % written(request, outcome, start))
            else:
                error = BatchItem(error=problem_of(request, outcome))
                items.append(error.model_dump_json().encode())
        return Response(_joined(request, start, items), media_type="application/json")

    return router


def _joined(request: Request, start: float, items: Sequence[bytes]) -> bytes:
    took_ms = round((time.perf_counter() - start) * 1000, 3)
    around = BatchResponse(request_id=request.state.request_id, took_ms=took_ms, answers=[])
    return around.model_dump_json().encode().removesuffix(b"]}") + b",".join(items) + b"]}"


def _parsed(
    queries: Sequence[dict[str, Any]],
) -> list[AskedQuery | VitrineError | RequestValidationError]:
    parsed: list[AskedQuery | VitrineError | RequestValidationError] = []
    for fields in queries:
        try:
            parsed.append(parse_query(fields))
        except (VitrineError, RequestValidationError) as exc:
            parsed.append(exc)
    return parsed
