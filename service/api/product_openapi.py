"""What OpenAPI says of the routes of products, whose bodies are read by hand (`product_body`)."""

from typing import Any

from service.api.bodies import TIMEOUT
from service.api.examples import BULK_ANSWER, BULK_LINES, PRODUCT, PRODUCT_PATCH
from service.api.openapi import problems

_WRITE_TIMEOUT = {
    **TIMEOUT["parameters"][0],
    "description": "Milliseconds after which no write begins any more: a 504 says that nothing was "
    "written. What has begun by then is done, and answered as done.",
}
_TAGS = r'^(\*|(W/)?"[^"]*"( *, *(W/)?"[^"]*")*)$'


def _header(name: str, description: str, example: str, **rules: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": {"type": "string", **rules},
        "example": example,
        "description": description,
    }


def _body(schema: str, example: object, *media_types: str) -> dict[str, Any]:
    content = {
        "schema": {"$ref": f"#/components/schemas/{schema}"},
        "examples": {"product": {"summary": "Some shoes", "value": example}},
    }
    return {"requestBody": {"required": True, "content": dict.fromkeys(media_types, content)}}


def _lines(schema: str, example: str) -> dict[str, Any]:
    described = {
        "schema": {"$ref": f"#/components/schemas/{schema}"},
        "examples": {"lines": {"summary": "One such object a line", "value": example}},
    }
    return {"application/x-ndjson": described}


ETAG: dict[str, Any] = {
    "headers": {
        "ETag": {
            "description": "The product's revision: send it as `If-Match` to change no other.",
            "schema": {"type": "string"},
        }
    }
}
IF_NONE_MATCH = {
    "parameters": [
        _header("If-None-Match", "ETags; 304 where the product is at one of them.", '"42"')
    ]
}
WRITE_HEADERS = {
    "parameters": [
        _header(
            "If-Match",
            "ETags, or `*`: 412 where the product is at none of them.",
            "*",
            pattern=_TAGS,
        ),
        _header("If-None-Match", "`*`: 412 where the product exists.", "*", pattern=r"^\*$"),
        _header(
            "Idempotency-Key",
            "Any text of its own: for 24 hours the same request with it is answered as it was, "
            "and done once; another one with it is a 422.",
            "2026-11-25/feed/17",
            pattern=r"^[\x21-\x7e]{1,255}$",
        ),
        _WRITE_TIMEOUT,
    ]
}
PUT_BODY = _body("ProductIn", PRODUCT, "application/json")
PATCH_BODY = _body("ProductPatchIn", PRODUCT_PATCH, "application/merge-patch+json")
BULK: dict[str, Any] = {
    "responses": {
        200: {
            "description": "A status for every line, in order, while the request is still being "
            "read: read them as they come.",
            "content": _lines("BulkStatusOut", BULK_ANSWER),
        },
        **problems(415, 422, 429),
    },
    "openapi_extra": {
        "parameters": [_WRITE_TIMEOUT],
        "requestBody": {
            "required": True,
            "description": "A JSON object a line: a product, with `op` (`put`, which is the "
            "default, `patch` or `delete`) beside its `id`. Of any length; a line is bounded.",
            "content": _lines("BulkLineIn", BULK_LINES),
        },
    },
}
