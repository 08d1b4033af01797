"""Is an answer right: reply -> nothing, or WrongAnswerError with what is wrong."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

# The same pixels through the same model, up to the rounding of batches of another size.
SAME = 0.999
# Redis has 50 ms, which a machine loaded to the brim may miss; the answer is whole all the same,
# and the summary says how often.
_MAY_FAIL = {"cache"}
# A faster tier, taken where the wait would be too long, lies in the same space but not on the same
# point.
FASTER_TIER = "tier"
# A refusal that told its caller to come back after more than this would have lost it.
_MOST_RETRY_SECONDS = 60
REFUSED = 429


class WrongAnswerError(AssertionError):
    """The service answered, but not what it should have."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0 where nothing did.

    Attributes:
        headers: By names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """An answer to a search that is well-formed."""

    answer: Mapping[str, Any]

    @property
    def product_ids(self) -> list[str]:
        """Best first."""
        return [result["product_id"] for result in self.answer["results"]]

    @property
    def faster(self) -> bool:
        """Whether a faster tier looked at the picture."""
        return FASTER_TIER in self.answer["degraded"]


def read_found(reply: Reply, limit: int) -> Found:
    """Return a search's answer, which is full and ordered."""
    return check_found(_json(reply, 200), limit)


def check_found(answer: Mapping[str, Any], limit: int) -> Found:
    """An answer, or a part of a batch's, has `limit` different products, best first."""
    results = answer["results"]
    similarities = [result["similarity"] for result in results]
    found = [result["product_id"] for result in results]
    failing = set(answer["degraded"]) - _MAY_FAIL - {FASTER_TIER}
    require(not failing, f"degraded: {answer['degraded']}")
    require(len(results) == limit, f"{len(results)} results, not {limit}")
    require(len(set(found)) == limit, "a product twice")
    require(similarities == sorted(similarities, reverse=True), "results out of order")
    return Found(answer)


def check_picture(found: Found, sent: bytes) -> None:
    """The answer is about the picture that was sent."""
    about = found.answer["image_id"]
    require(about == sha256(sent).hexdigest(), "another picture's answer")


def check_known(found: Found, product_id: str, within: int) -> None:
    """A product is among the first results; the first one is the very picture."""
    place = found.product_ids[:within]
    require(product_id in place, f"the product shown is not among the first {within}")
    if within == 1 and not found.faster:
        nearest = found.answer["results"][0]["similarity"]
        require(nearest >= SAME, f"an own picture is only {nearest} similar")


def check_written(found: Found, product_id: str) -> None:
    """A product that was just written is found by its own picture."""
    similar = {result["product_id"]: result["similarity"] for result in found.answer["results"]}
    require(product_id in similar, "a product just written is not found")
    near = similar[product_id] >= SAME or found.faster
    require(near, f"a product just written is only {similar[product_id]} similar to its picture")


def check_kept(found: Found, allowed: Collection[str], facets: Collection[str]) -> None:
    """Every result is of those the filter keeps, and the facets that were asked for are there."""
    strangers = set(found.product_ids) - set(allowed)
    require(not strangers, f"the filter does not keep {sorted(strangers)}")
    told = found.answer["facets"]
    require(set(told) == set(facets), f"facets {sorted(told)}, not {sorted(facets)}")


def read_batch(reply: Reply, count: int) -> list[Mapping[str, Any]]:
    """Return the answers of a batch, none of which failed."""
    answers = _json(reply, 200)["answers"]
    require(len(answers) == count, f"{len(answers)} answers to {count} queries")
    errors = [each["error"] for each in answers if each["error"]]
    require(not errors, f"a query of a batch failed: {errors[:1]}")
    return [each["answer"] for each in answers]


def check_product(reply: Reply, product_id: str) -> None:
    """It is the product asked for, with its pictures."""
    product = _json(reply, 200)
    require(product["id"] == product_id, f"product {product['id']}, not {product_id}")
    require(bool(product["title"] and product["images"]), "no title or no images")


def check_put(reply: Reply, product_id: str, sent: bytes) -> None:
    """A new product is acknowledged with its picture."""
    product = _json(reply, 201)
    require(product["id"] == product_id, f"product {product['id']}, not {product_id}")
    pictures = [image["image_id"] for image in product["images"]]
    require(pictures == [sha256(sent).hexdigest()], "another picture was kept")


def check_price(reply: Reply, product_id: str, price: float) -> None:
    """A product has this price."""
    product = _json(reply, 200)
    require(product["id"] == product_id, f"product {product['id']}, not {product_id}")
    require(product["price"] == price, f"price {product['price']}, not {price}")


def check_deleted(reply: Reply) -> None:
    """A deletion is acknowledged."""
    require_status(reply, 204)


def check_absent(reply: Reply) -> None:
    """A product that was deleted is there no more."""
    problem = _json(reply, 404, "application/problem+json")
    require(problem["code"] == "product_not_found", f"code {problem['code']}")


def check_image(reply: Reply) -> None:
    """It is a picture of the type declared, to be kept for ever."""
    require_status(reply, 200)
    kind = "image/webp" if reply.body.startswith(b"RIFF") else "image/jpeg"
    require(kind == "image/webp" or reply.body.startswith(b"\xff\xd8\xff"), "not a picture")
    require(reply.headers.get("content-type") == kind, f"{kind} under another content type")
    require("immutable" in reply.headers.get("cache-control", ""), "not cacheable")


def check_page(reply: Reply) -> None:
    """It is a whole HTML page."""
    require_status(reply, 200)
    require(reply.headers.get("content-type", "").startswith("text/html"), "not HTML")
    require(reply.body.rstrip().endswith(b"</html>"), "the page is cut off")


def check_refusal(reply: Reply) -> None:
    """What is no picture is refused as problem+json, with a stable code."""
    problem = _json(reply, 415, "application/problem+json")
    require(problem["code"] == "unsupported_image", f"code {problem['code']}")
    require(problem["status"] == 415, "the body names another status")
    require(problem["request_id"] == reply.headers.get("x-request-id"), "another request's id")


def check_overloaded(reply: Reply) -> float:
    """A refusal for want of room says when to come back; returns seconds."""
    problem = _json(reply, REFUSED, "application/problem+json")
    require(problem["code"] == "overloaded", f"code {problem['code']}")
    told = reply.headers.get("retry-after", "")
    sound = told.isdecimal() and 1 <= int(told) <= _MOST_RETRY_SECONDS
    require(sound, f"Retry-After {told!r} of a refusal is no second from 1 to 60")
    return float(told)


def require(holds: bool, otherwise: str) -> None:
    """Raise WrongAnswerError unless it holds."""
    if not holds:
        raise WrongAnswerError(otherwise)


def require_status(reply: Reply, status: int) -> None:
    """The status is the one expected; the error has the start of the body."""
    start = reply.body[:200].decode(errors="replace")
    require(reply.status == status, f"status {reply.status}, not {status}: {start}")


def _json(reply: Reply, status: int, media_type: str = "application/json") -> dict[str, Any]:
    require_status(reply, status)
    require(reply.headers.get("content-type") == media_type, f"not {media_type}")
    try:
        body = json.loads(reply.body)
    except ValueError as exc:
        raise WrongAnswerError(f"not JSON: {exc}") from exc
    require(isinstance(body, dict), "not a JSON object")
    return dict(body)
