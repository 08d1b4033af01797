"""An answer and a problem as OpenAPI shows them; a test holds them to the schemas."""

import json

from pydantic.config import JsonDict

_PICTURE_ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ANSWER: JsonDict = {
    "request_id": "5a0c7e0e4c3f4f0d9d6b7a3f2e1c0b9a",
    "image_id": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "index": {
        "version": 7,
        "built_at": "2026-03-01T06:00:00+00:00",
        "bundle": "vitrine-default",
        "sequence": 48211,
    },
    "match": "exact",
    "detected": {
        "category": [{"label": "Sports Shoes", "probability": 0.94}],
        "colour": [{"label": "Teal", "probability": 0.81}, {"label": "Blue", "probability": 0.12}],
    },
    "category": {
        "label": "Sports Shoes",
        "probability": 0.94,
        "applied": False,
        "reason": "0 products of it match, fewer than were asked for",
    },
    "total": 1,
    "took_ms": 21.4,
    "timings": {"decode": 3.1, "embed": 16.9, "search": 0.6, "products": 0.4},
    "tier": "best",
    "degraded": [],
    "facets": {
        "price": {
            "values": [{"value": 79.9, "count": 12}, {"value": 49, "count": 4}],
            "missing": 1,
            "min": 49.0,
            "max": 79.9,
        }
    },
    "explain": {
        "filter": {"must": [{"key": "price", "range": {"lte": 90.0}}]},
        "plan": "selector",
        "rows": 1800,
        "kept_rows": 1218,
        "products": 600,
        "kept_products": 406,
        "candidates": 200,
    },
    "results": [
        {
            "product_id": "demo-000123",
            "similarity": 0.953402,
            "confidence": 0.8662,
            "image_id": _PICTURE_ID,
            "image_url": f"/v1/images/{_PICTURE_ID}",
            "matched_images": 2,
            "duplicates": [],
            "product": {
                "id": "demo-000123",
                "title": "Halden striped sneakers",
                "category": "Shoes > Sneakers",
                "brand": "Halden",
                "price": 79.9,
                "currency": "EUR",
                "availability": "in_stock",
                "url": "https://shop.example/p/demo-000123",
                "attributes": {"colour": "teal", "audience": "unisex"},
                "images": [{"image_id": _PICTURE_ID, "url": f"/v1/images/{_PICTURE_ID}"}],
                "updated_at": "2026-02-27T18:03:11.250+00:00",
            },
        }
    ],
}
PROBLEM: JsonDict = {
    "type": "about:blank",
    "title": "Unsupported Media Type",
    "status": 415,
    "detail": "not a JPEG, PNG or WebP picture",
    "code": "unsupported_image",
    "request_id": "5a0c7e0e4c3f4f0d9d6b7a3f2e1c0b9a",
}
PRODUCT: JsonDict = {
    "title": "Halden striped sneakers",
    "category": "Shoes > Sneakers",
    "brand": "Halden",
    "price": 79.9,
    "currency": "EUR",
    "availability": "in_stock",
    "url": "https://shop.example/p/demo-000123",
    "attributes": {"colour": ["teal", "white"], "audience": "unisex", "recycled": True},
    "images": [{"image_base64": "/9j/4AAQSkZJRgABAQ..."}, {"image_id": _PICTURE_ID}],
}
PRODUCT_PATCH: JsonDict = {
    "price": 59.9,
    "attributes": {"season": "summer", "audience": None},
}
_STATUSES: list[JsonDict] = [
    {"line": 1, "id": "demo-000123", "status": 201, "revision": 48212},
    {"line": 2, "id": "demo-000007", "status": 200, "revision": 48213},
    {
        "line": 3,
        "id": "no-such",
        "status": 404,
        "code": "product_not_found",
        "detail": "there is no product 'no-such'",
    },
]
BULK_LINES = "".join(
    json.dumps(line) + "\n"
    for line in [
        {"id": "demo-000123", **PRODUCT},
        {"op": "patch", "id": "demo-000007", **PRODUCT_PATCH},
        {"op": "delete", "id": "no-such"},
    ]
)
BULK_ANSWER = "".join(json.dumps(status) + "\n" for status in _STATUSES)
