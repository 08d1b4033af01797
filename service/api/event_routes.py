"""`POST /v1/events`: what shoppers did with what was found, so that search can be measured.

JSON: an event or a list -> all sound, or none is kept -> one transaction -> counted
"""

import asyncio
from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from service.api.bodies import EVENTS_BODY
from service.api.event_schemas import EVENTS, EventIn, EventsOut
from service.api.metrics import Metrics
from service.api.openapi import problems
from service.api.queries import content_type, read_value
from service.api.serving import Serving

EVENTS_PATH = "/v1/events"
MAX_EVENTS_BYTES = 1_000_000


def make_event_routes(serving: Serving, metrics: Metrics) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/events",
        summary="Report what shoppers did with what was found",
        responses=problems(413, 415, 422, 429, 503),
        openapi_extra=EVENTS_BODY,
    )
    async def report(request: Request) -> EventsOut:
        if content_type(request) != "application/json":
            raise HTTPException(415, "send application/json with an event, or a list of them")
        reported = _parsed(await read_value(request))
        reporter = getattr(request.state, "key_name", "")
        with request.state.ticket.working():
            new = await asyncio.get_running_loop().run_in_executor(
                serving.writers, serving.events.add, [each.event(reporter) for each in reported]
            )
        metrics.count_events(Counter(event.type for event in new))
        return EventsOut(
            request_id=request.state.request_id,
            kept=len(new),
            repeated=len(reported) - len(new),
        )

    return router


def _parsed(value: Any) -> list[EventIn]:
    try:
        return EVENTS.validate_python(value if isinstance(value, list) else [value], strict=True)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc
