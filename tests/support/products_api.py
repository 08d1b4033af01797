"""Products as callers of the REST API write them, and look for them."""

import base64
from typing import Any
from urllib.parse import quote

import httpx

from service.demo.catalog import encode
from service.demo.products import product
from service.demo.render import render


def picture(number: int, view: int = 0) -> bytes:
    return encode(render(product(number), view, size=120))


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def shoes(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "title": f"New shoes {number}",
        "brand": "Written",
        "price": 10.0,
        "attributes": {"season": "summer", "sizes": [41, 42]},
        "images": [{"image_base64": base64_of(picture(number))}],
        **fields,
    }


def address(product_id: str) -> str:
    return f"/v1/products/{quote(product_id)}"


def put(client: httpx.Client, product_id: str, body: dict[str, Any], **headers: str) -> Any:
    return client.put(address(product_id), json=body, headers=headers)


def found(client: httpx.Client, data: bytes, limit: int = 1, **options: str) -> list[str]:
    answer = client.post("/v1/search", files={"file": data}, data={"limit": limit, **options})
    assert answer.status_code == 200, answer.text
    return [result["product_id"] for result in answer.json()["results"]]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
