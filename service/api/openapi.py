"""What OpenAPI says of the service, where FastAPI cannot see it: `/openapi.json` and `/docs`.

Bodies are read by hand (`queries.py`, `product_body.py`), and every failure is one Problem.
"""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from service.api.bulk_schemas import BulkLineIn, BulkStatusOut
from service.api.product_schemas import ProductIn, ProductPatchIn
from service.api.schemas import Problem
from service.api.search_request import SearchRequest

_PICTURE = "/9j/4AAQSkZJRgABAQ..."
_MEANINGS = {
    404: "There is no such thing.",
    412: "The product is not at the revision that the request expects.",
    413: "The body or the picture is larger than the service accepts.",
    415: "A body of another media type, or a picture that is neither JPEG, PNG nor WebP.",
    422: "The request cannot be answered as asked, or the picture is damaged.",
    429: "Too much is in progress; `Retry-After` says when to come back.",
    503: "There is no index to answer from, it is damaged or of another model, or the catalogue "
    "cannot be written.",
}


class DescribedApp(FastAPI):
    """An app whose description has the Problem that `problems` refers to."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        schemas = description["components"]["schemas"]
        for name, schema in _unseen()["$defs"].items():
            schemas.setdefault(name, schema)
        return description


def _unseen() -> dict[str, Any]:
    """Return the schemas that routes refer to by name, and what these refer to."""
    models = (Problem, ProductIn, ProductPatchIn, BulkLineIn, BulkStatusOut)
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


def _form_options() -> dict[str, Any]:
    """Describe the fields of a form beside the picture: lists and objects are texts there."""
    described = SearchRequest.model_json_schema()["properties"]
    options = {name: dict(schema) for name, schema in described.items() if name != "image_base64"}
    for name in ("filter", "facets", "exclude_ids"):
        options[name] = {"type": "string", "description": described[name]["description"]}
    return options


SEARCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One picture: as a file (`curl -F file=@photo.jpg -F limit=3 ...`), "
        "or as base64 in a form or in JSON; and which products may be found.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "oneOf": [{"required": ["file"]}, {"required": ["image_base64"]}],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "JPEG, PNG or WebP, sent with a filename.",
                        },
                        "image_base64": {
                            "type": "string",
                            "description": "In place of `file`: the picture, base64.",
                        },
                        **_form_options(),
                    },
                },
                "examples": {
                    "file": {
                        "summary": "A picture as a file",
                        "value": {"file": "(the bytes of photo.jpg)", "limit": 3},
                    },
                    "filtered": {
                        "summary": "Among some products, with counts to narrow further by",
                        "value": {
                            "file": "(the bytes of photo.jpg)",
                            "filter": "brand:halden,nordvik price:10..90 -availability:sold_out",
                            "facets": "brand,price",
                        },
                    },
                },
            },
            "application/json": {
                "schema": SearchRequest.model_json_schema(),
                "examples": {
                    "picture": {
                        "summary": "A picture as base64",
                        "value": {"image_base64": _PICTURE, "limit": 3},
                    },
                    "data_uri": {
                        "summary": "A picture as a data URI",
                        "value": {"image_base64": f"data:image/jpeg;base64,{_PICTURE}"},
                    },
                    "filtered": {
                        "summary": "Among some products, varied, with counts to narrow further by",
                        "value": {
                            "image_base64": _PICTURE,
                            "filter": {
                                "must": [
                                    {"key": "brand", "any": ["Halden", "Nordvik"]},
                                    {"key": "price", "range": {"gte": 10, "lt": 90}},
                                ],
                                "must_not": [{"key": "availability", "match": "sold_out"}],
                            },
                            "facets": ["brand", "price"],
                            "diversity": 0.3,
                        },
                    },
                },
            },
        },
    }
}
