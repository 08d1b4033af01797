"""Searches over HTTP, and what their answers say."""

import base64

import httpx


def post(client: httpx.Client, **body: object) -> dict:
    """Search, and expect an answer."""
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: httpx.Client, status: int, code: str, **body: object) -> str:
    """Search, expect this problem, and return its detail."""
    answer = client.post("/v1/search", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    return problem["detail"]


def base64_of(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def ids(answer: dict) -> list[str]:
    return [result["product_id"] for result in answer["results"]]


def similarities(answer: dict) -> dict[str, float]:
    return {result["product_id"]: result["similarity"] for result in answer["results"]}
