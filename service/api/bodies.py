"""What OpenAPI says of bodies and parameters that are read by hand, with examples.

A test holds every example to the model that reads it.
"""

from typing import Any

from pydantic import BaseModel

from service.api.batch_schemas import BatchRequest
from service.api.embedding_schemas import EmbeddingsRequest
from service.api.event_schemas import EventsRequest
from service.api.index_schemas import PromoteRequest
from service.api.search_request import OptionsIn, SearchRequest
from service.api.source_request import FLAGS, INPUTS, PICTURES
from service.api.working import MAX_TIMEOUT_MS, TIMEOUT_HEADER

_PICTURE = "/9j/4AAQSkZJRgABAQ..."
_PICTURE_ID = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
_TEXTUAL = ("filter", "facets", "exclude_ids", "vector", "box", "queries")
"""Lists and objects, which are texts in a form and after `?`."""
_FILTER = {
    "must": [
        {"key": "brand", "any": ["Halden", "Nordvik"]},
        {"key": "price", "range": {"gte": 10, "lt": 90}},
    ],
    "must_not": [{"key": "availability", "match": "sold_out"}],
}


def _as_texts(model: type[BaseModel]) -> dict[str, Any]:
    """Describe fields as a form has them."""
    described = model.model_json_schema()["properties"]
    fields = {name: dict(schema) for name, schema in described.items()}
    for name in set(_TEXTUAL) & set(fields):
        fields[name] = {"type": "string", "description": described[name]["description"]}
    if "queries" in fields:
        fields["queries"]["pattern"] = r"^\["
    for name, schema in fields.items():
        if schema.get("type") == "boolean":
            fields[name] = schema | {"type": "string", "enum": list(FLAGS)}
            fields[name]["default"] = str(schema["default"]).lower()
    return {name: _never_null(schema) for name, schema in fields.items()}


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe what is left out where it is not given, for a text cannot say null."""
    some: list[dict[str, Any]] = [
        each for each in schema.get("anyOf", ()) if each != {"type": "null"}
    ]
    if len(some) != 1:
        return schema
    return {k: v for k, v in schema.items() if k not in ("anyOf", "default")} | some[0]


def _ways_of_a_form() -> list[dict[str, Any]]:
    """Describe which fields of a form go together, as `source_request.alternatives` does."""
    ways = []
    for name in (*INPUTS, "queries"):
        beside = {"box", "text"} if name in PICTURES else set()
        others = sorted({*INPUTS, "queries", "box"} - {name} - beside)
        ways.append({"required": [name], "properties": dict.fromkeys(others, False)})
    return ways


def _example(summary: str, **value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}


def _json(model: type[BaseModel], **examples: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"application/json": {"schema": schema, "examples": examples}}


_FORM: dict[str, Any] = {
    "schema": {
        "type": "object",
        "additionalProperties": False,
        "oneOf": _ways_of_a_form(),
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "A picture: JPEG, PNG or WebP, sent with a filename.",
            },
            **_as_texts(SearchRequest),
        },
    },
    "encoding": {"file": {"contentType": "image/jpeg, image/png, image/webp"}},
    "examples": {
        "file": _example("A picture as a file", file="(the bytes of photo.jpg)", limit=3),
        "part": _example(
            "A part of a picture", file="(the bytes of photo.jpg)", box="0.1,0.25,0.6,0.9"
        ),
        "filtered": _example(
            "Among some products, with counts to narrow further by",
            file="(the bytes of photo.jpg)",
            filter="brand:halden,nordvik price:10..90 -availability:sold_out",
            facets="brand,price",
        ),
    },
}
SEARCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "What to look for: a picture as a file (`curl -F file=@photo.jpg -F limit=3 "
        "...`), as base64, by its id or URL; a product; words; a vector; a picture and words; or a "
        "mix of them as `queries`. And which products may be found.",
        "content": {
            "multipart/form-data": _FORM,
            **_json(
                SearchRequest,
                picture=_example("A picture as base64", image_base64=_PICTURE, limit=3),
                data_uri=_example(
                    "A picture as a data URI", image_base64=f"data:image/jpeg;base64,{_PICTURE}"
                ),
                again=_example(
                    "A part of a picture that was sent before, among its category alone",
                    image_id=_PICTURE_ID,
                    box=[0.1, 0.25, 0.6, 0.9],
                    category="auto",
                ),
                changed=_example("Like this, but red", image_id=_PICTURE_ID, text="red"),
                product=_example("What looks like a product", product_id="demo-000123"),
                words=_example("By words", text="navy blue shirt men"),
                mixed=_example(
                    "Like both pictures, and unlike a product",
                    queries=[
                        {"image_base64": _PICTURE},
                        {"image_id": _PICTURE_ID, "weight": 0.5},
                        {"product_id": "demo-000123", "weight": -0.3},
                    ],
                ),
                filtered=_example(
                    "Among some products, varied, with counts to narrow further by",
                    image_base64=_PICTURE,
                    filter=_FILTER,
                    facets=["brand", "price"],
                    diversity=0.3,
                ),
            ),
        },
    }
}
BATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": _json(
            BatchRequest,
            several=_example(
                "Three searches",
                queries=[
                    {"image_base64": _PICTURE, "limit": 3},
                    {"text": "navy blue shirt men", "filter": "price:..90"},
                    {"product_id": "demo-000123", "with_product": False},
                ],
            ),
        ),
    }
}
EMBEDDINGS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": _json(
            EmbeddingsRequest,
            both=_example(
                "Words and a picture",
                input=["navy blue shirt men", f"data:image/jpeg;base64,{_PICTURE}"],
                model="vitrine-default",
            ),
        ),
    }
}
_CLICK = {
    "id": "5c3a7d1e-1f0b-4c3e-9d59-5b2f4f0f7a10",
    "type": "click",
    "request_id": "4f0c9e0b7d0f4c7d9d0c6a3c1f6f7f6b",
    "product_id": "demo-000123",
    "position": 2,
}
EVENTS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": _json(
            EventsRequest,
            one={"summary": "A click", "value": _CLICK},
            several={
                "summary": "What a page showed, and what was bought",
                "value": [
                    {**_CLICK, "id": "page-7-1", "type": "impression", "position": 1},
                    {**_CLICK, "id": "page-7-2", "type": "impression", "position": 2},
                    {**_CLICK, "id": "order-41-1", "type": "purchase"},
                ],
            },
        ),
    }
}
PROMOTE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": _json(PromoteRequest, third=_example("The third version", version=3)),
    }
}
TIMEOUT: dict[str, Any] = {
    "parameters": [
        {
            "name": TIMEOUT_HEADER,
            "in": "header",
            "description": "Milliseconds after which the answer is of no use: what is not done by "
            "then is dropped, and answered as a 504.",
            "schema": {"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT_MS},
        }
    ]
}
SIMILAR_PARAMETERS: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
        for name, schema in _as_texts(OptionsIn).items()
    ]
    + TIMEOUT["parameters"]
}
