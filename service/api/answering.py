"""An answer of the pipeline as the response to a request."""

import time

from fastapi import Request, Response

from service.api.queries import AskedQuery
from service.api.schemas import SearchResponse
from service.pipeline.search import Answer


def shown(request: Request, answer: Answer, query: AskedQuery, start: float) -> Response:
    """Show an answer to a request that began at `start`, seconds of `time.perf_counter`."""
    body = as_response(request, answer, query, start)
    return Response(body.model_dump_json(), media_type="application/json")


def as_response(
    request: Request, answer: Answer, query: AskedQuery, start: float
) -> SearchResponse:
    """Return what `shown` shows."""
    return SearchResponse.of(
        answer,
        request.state.request_id,
        (time.perf_counter() - start) * 1000,
        explain=query.explain,
        with_product=query.with_product,
    )
