"""An answer and a problem as OpenAPI shows them; a test holds them to the schemas."""

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
    "total": 1,
    "took_ms": 21.4,
    "timings": {"decode": 3.1, "embed": 16.9, "search": 0.6, "products": 0.4},
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
            "similarity": 0.913402,
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
