"""What OpenAPI says of the service, where FastAPI cannot see it: `/openapi.json` and `/docs`.

Bodies are read by hand (`queries.py`) and described in `bodies.py`; every failure is one Problem.
"""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from service.api.batch_schemas import BatchRequest
from service.api.embedding_schemas import EmbeddingsRequest
from service.api.schemas import Problem
from service.api.search_request import SearchRequest

_BODIES = (SearchRequest, BatchRequest, EmbeddingsRequest)
_MEANINGS = {
    404: "There is no such thing.",
    413: "The body or the picture is larger than the service accepts.",
    415: "Neither multipart nor JSON, or a picture that is neither JPEG, PNG nor WebP.",
    422: "The request cannot be answered as asked, or the picture is damaged.",
    429: "Too many searches are in progress; `Retry-After` says when to come back.",
    503: "There is no index to answer from, or it is damaged or of another model.",
}


class DescribedApp(FastAPI):
    """An app whose description has the bodies, and the Problem that `problems` refers to."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        _, models = models_json_schema(
            [(Problem, "serialization"), *((body, "validation") for body in _BODIES)],
            ref_template="#/components/schemas/{model}",
        )
        for name, schema in models["$defs"].items():
            description["components"]["schemas"].setdefault(name, schema)
        return description


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document these statuses, and whatever else may fail, as problem+json."""
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema}}
    documented: dict[int | str, dict[str, Any]] = {
        status: {"description": _MEANINGS[status], "content": content} for status in statuses
    }
    return {**documented, "default": {"description": "Any other failure.", "content": content}}
