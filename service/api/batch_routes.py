"""`POST /v1/search:batch`: many queries, one run of the encoder, an error for each that is wrong.

JSON -> each query parsed alone -> those that are sound answered together -> answers in order
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.api.answering import as_response
from service.api.batch_schemas import MAX_QUERIES, BatchItem, BatchRequest, BatchResponse
from service.api.bodies import BATCH_BODY
from service.api.errors import problem_of
from service.api.limits import Admission
from service.api.metrics import Metrics
from service.api.openapi import problems
from service.api.queries import AskedQuery, content_type, parse_query, read_json, validated
from service.api.serving import Serving
from service.core.errors import VitrineError

BATCH_PATH = "/v1/search:batch"


def make_batch_routes(
    serving: Serving, metrics: Metrics, admission: Admission, max_body_bytes: int
) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/v1", max_body_size=max_body_bytes)

    @router.post(
        "/search:batch",
        summary=f"Up to {MAX_QUERIES} searches at once",
        response_model=BatchResponse,
        responses=problems(413, 415, 422, 429, 503),
        openapi_extra=BATCH_BODY,
    )
    async def search_batch(request: Request) -> Response:
        start = time.perf_counter()
        with admission.admitted():
            if content_type(request) != "application/json":
                raise HTTPException(415, "send application/json with `queries`")
            queries = _parsed(validated(BatchRequest, await read_json(request)).queries)
            asks = [query.ask for query in queries if isinstance(query, AskedQuery)]
            found = iter(
                await asyncio.get_running_loop().run_in_executor(
                    serving.searchers, serving.search.answers, asks
                )
            )
        items = []
        for query in queries:
            outcome = next(found) if isinstance(query, AskedQuery) else query
            if isinstance(outcome, VitrineError | RequestValidationError):
                items.append(BatchItem(error=problem_of(request, outcome)))
                continue
            assert isinstance(query, AskedQuery)  # only such are answered
            metrics.count_answer(outcome)
            items.append(BatchItem(answer=as_response(request, outcome, query, start)))
        took_ms = round((time.perf_counter() - start) * 1000, 3)
        shown = BatchResponse(request_id=request.state.request_id, took_ms=took_ms, answers=items)
        return Response(shown.model_dump_json(), media_type="application/json")

    return router


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
