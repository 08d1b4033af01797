"""Is an answer right: reply -> nothing, or WrongAnswerError with what is wrong."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from loadtests.workload import Query

# The same pixels through the same model, up to the rounding of batches of another size.
_SAME = 0.999
# Redis has 50 ms, which a machine loaded to the brim may miss; the answer is whole all the same,
# and the summary says how often.
_MAY_FAIL = {"cache"}


class WrongAnswerError(AssertionError):
    """The service answered, but not what it should have."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0 where nothing did."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_search(reply: Reply, query: Query, sent: bytes, limit: int) -> None:
    """The answer is about this picture, full, ordered, and an own picture finds its product."""
    answer = _json(reply, 200)
    results = answer["results"]
    similarities = [result["similarity"] for result in results]
    found = [result["product_id"] for result in results]
    _require(answer["image_id"] == sha256(sent).hexdigest(), "another picture's answer")
    _require(set(answer["degraded"]) <= _MAY_FAIL, f"degraded: {answer['degraded']}")
    _require(len(results) == limit, f"{len(results)} results, not {limit}")
    _require(len(set(found)) == limit, "a product twice")
    _require(similarities == sorted(similarities, reverse=True), "results out of order")
    if query.own:
        _require(found[0] == query.product_id, "an own picture did not find its product first")
        _require(similarities[0] >= _SAME, f"an own picture is only {similarities[0]} similar")


def check_product(reply: Reply, product_id: str) -> None:
    """It is the product asked for, with its pictures."""
    product = _json(reply, 200)
    _require(product["id"] == product_id, f"product {product['id']}, not {product_id}")
    _require(bool(product["title"] and product["images"]), "no title or no images")


def check_image(reply: Reply) -> None:
    """It is a picture of the type declared, to be kept for ever."""
    _require_status(reply, 200)
    kind = "image/webp" if reply.body.startswith(b"RIFF") else "image/jpeg"
    _require(kind == "image/webp" or reply.body.startswith(b"\xff\xd8\xff"), "not a picture")
    _require(reply.headers.get("content-type") == kind, f"{kind} under another content type")
    _require("immutable" in reply.headers.get("cache-control", ""), "not cacheable")


def check_page(reply: Reply) -> None:
    """It is a whole HTML page."""
    _require_status(reply, 200)
    _require(reply.headers.get("content-type", "").startswith("text/html"), "not HTML")
    _require(reply.body.rstrip().endswith(b"</html>"), "the page is cut off")


def check_refusal(reply: Reply) -> None:
    """What is no picture is refused as problem+json, with a stable code."""
    problem = _json(reply, 415, "application/problem+json")
    _require(problem["code"] == "unsupported_image", f"code {problem['code']}")
    _require(problem["status"] == 415, "the body names another status")
    _require(problem["request_id"] == reply.headers.get("x-request-id"), "another request's id")


def _json(reply: Reply, status: int, media_type: str = "application/json") -> dict[str, Any]:
    _require_status(reply, status)
    _require(reply.headers.get("content-type") == media_type, f"not {media_type}")
    try:
        body = json.loads(reply.body)
    except ValueError as exc:
        raise WrongAnswerError(f"not JSON: {exc}") from exc
    _require(isinstance(body, dict), "not a JSON object")
    return dict(body)


def _require_status(reply: Reply, status: int) -> None:
    start = reply.body[:200].decode(errors="replace")
    _require(reply.status == status, f"status {reply.status}, not {status}: {start}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise WrongAnswerError(otherwise)
