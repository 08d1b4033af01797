"""What OpenAPI says of the service, where FastAPI cannot see it: `/openapi.json` and `/docs`.

Bodies are read by hand (`queries.py`, `product_body.py`) and described in `bodies.py` and
`product_openapi.py`; every failure is one Problem.
"""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from service.api.auth import needed_scope
from service.api.batch_schemas import BatchRequest
from service.api.bulk_schemas import BulkLineIn, BulkStatusOut
from service.api.embedding_schemas import EmbeddingsRequest
from service.api.event_schemas import EventsRequest
from service.api.index_schemas import PromoteRequest
from service.api.product_schemas import ProductIn, ProductPatchIn
from service.api.schemas import Problem
from service.api.search_request import SearchRequest
from service.core.access import Scope

_MEANINGS = {
    400: "The request, or a form in it, cannot be read.",
    401: "The service asks for a key, and there is none, or one that is not known.",
    403: "The key does not open this.",
    404: "There is no such thing.",
    409: "Another index is being built or promoted, or this one may not serve.",
    412: "The product is not at the revision that the request expects.",
    413: "The body or the picture is larger than the service accepts.",
    415: "A body of another media type, or a picture that is neither JPEG, PNG nor WebP.",
    422: "The request cannot be answered as asked, or the picture is damaged.",
    429: "Too much is in progress; `Retry-After` says when to come back.",
    503: "There is no index to answer from, it is damaged or of another model, or the catalogue "
    "cannot be written.",
    504: "It was not done in the time that `X-Timeout-Ms` gave it.",
}

_KEYS: dict[str, dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, where the service is set to ask for any.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same, for callers that cannot say `Authorization`.",
    },
}


class DescribedApp(FastAPI):
    """An app whose description has the bodies, and the Problem that `problems` refers to."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        schemas = description["components"]["schemas"]
        for name, schema in _unseen()["$defs"].items():
            schemas.setdefault(name, schema)
        description["components"]["securitySchemes"] = _KEYS
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                _guard(operation, needed_scope(method.upper(), path))
        return description


def _guard(operation: dict[str, Any], needed: Scope | None) -> None:
    """Say which key opens an operation, and how one without it is answered."""
    operation["security"] = [] if needed is None else [{name: [needed]} for name in _KEYS]
    if needed is not None:
        refusals = {str(status): answer for status, answer in problems(401, 403).items()}
        operation["responses"] = dict(sorted({**refusals, **operation["responses"]}.items()))


def _unseen() -> dict[str, Any]:
    """Return the schemas that routes refer to by name, and what these refer to."""
    searches = (SearchRequest, BatchRequest, EmbeddingsRequest)
    models = (
        Problem,
        *searches,
        EventsRequest,
        PromoteRequest,
        ProductIn,
        ProductPatchIn,
        BulkLineIn,
        BulkStatusOut,
    )
    template = "#/components/schemas/{model}"
    return models_json_schema([(m, "validation") for m in models], ref_template=template)[1]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document these statuses, and whatever else may fail, as problem+json."""
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema}}
    documented: dict[int | str, dict[str, Any]] = {
        status: {"description": _MEANINGS[status], "content": content} for status in statuses
    }
    return {**documented, "default": {"description": "Any other failure.", "content": content}}
