"""What OpenAPI says of the service, where FastAPI cannot see it: `/openapi.json` and `/docs`.

The body of a search is read by hand (`queries.py`), and every failure is one Problem.
"""

from typing import Any

from fastapi import FastAPI

from service.api.schemas import MAX_LIMIT, Problem, SearchRequest

_PICTURE = "/9j/4AAQSkZJRgABAQ..."
_MEANINGS = {
    404: "There is no such thing.",
    413: "The body or the picture is larger than the service accepts.",
    415: "Neither multipart nor JSON, or a picture that is neither JPEG, PNG nor WebP.",
    422: "The request cannot be answered as asked, or the picture is damaged.",
    429: "Too many searches are in progress; `Retry-After` says when to come back.",
    503: "There is no index to answer from, or it is damaged or of another model.",
}


class DescribedApp(FastAPI):
    """An app whose description has the Problem that `problems` refers to."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        description["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return description


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document these statuses, and whatever else may fail, as problem+json."""
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema}}
    documented: dict[int | str, dict[str, Any]] = {
        status: {"description": _MEANINGS[status], "content": content} for status in statuses
    }
    return {**documented, "default": {"description": "Any other failure.", "content": content}}


SEARCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One picture: as a file (`curl -F file=@photo.jpg -F limit=3 ...`), "
        "or as base64 in a form or in JSON.",
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
                        "limit": {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": MAX_LIMIT,
                            "default": 10,
                            "description": "Products wanted.",
                        },
                    },
                },
                "examples": {
                    "file": {
                        "summary": "A picture as a file",
                        "value": {"file": "(the bytes of photo.jpg)", "limit": 3},
                    }
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
                },
            },
        },
    }
}
