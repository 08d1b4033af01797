"""Sound values for what a schema can only tell the shape of, out of the shop that is served.

a request that shall be answered -> `mend`: pictures, boxes, vectors, filters that are some
"""

import itertools
import json
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

KNOWN: dict[str, Any] = json.loads(Path(os.environ["VITRINE_TEST_VALUES"]).read_text())
_PICTURES = [bytes.fromhex(picture) for picture in KNOWN["pictures_hex"]]
_FILTERS = ["price:..90", "brand:halden,nordvik", '-colour:"dark red" availability:*', ""]
_MIX = [{"text": "red", "weight": 2}, {"product_id": KNOWN["product_id"][0], "weight": -0.5}]
_CLAUSES = ("must", "should", "must_not")
_MOST_CONDITIONS = 20  # a clause; a hundred is the most of all of them together

_KEYS = itertools.count()

_Maker = Callable[[random.Random, Any], Any]


def mend(node: Any) -> None:
    """Put sound values into a body or a query, where its own cannot be answered."""
    if isinstance(node, list):
        for each in node:
            mend(each)
    if not isinstance(node, dict):
        return
    if node.pop("image_url", None) is not None:  # no service fetches any unless it is told to
        node["image_base64"] = KNOWN["image_base64"][0]
    if "key" in node:
        node["key"] = "price" if "range" in node else "brand"
    chosen = random.Random(repr(sorted(node)))
    for name, value in node.items():
        made = _MAKERS[name](chosen, value) if name in _MAKERS and value is not None else None
        if made is None:
            mend(value)
        elif isinstance(value, str) and not isinstance(made, str | bytes):
            node[name] = json.dumps(made)
        else:
            node[name] = made


def mend_headers(headers: Any) -> None:
    """Leave one condition, and one that can be read: schemathesis makes `0` of their patterns.

    Keys are new ones, since what came under one before would be answered in place of this; and what
    shall be answered has the time for it.
    """
    if headers.get("X-Timeout-Ms", "").isdecimal():
        headers["X-Timeout-Ms"] = "60000"
    for name in ("If-Match", "If-None-Match"):
        if headers.get(name) == "0":
            headers[name] = "*"
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = f"key-{next(_KEYS)}"
    if "If-Match" in headers:
        headers.pop("If-None-Match", None)


def go_one_way(form: dict[str, Any]) -> None:
    """Leave the fields that go together: schemathesis does not see that others are excluded."""
    if "queries" in form:
        for name in ("file", "image_base64", "image_id", "product_id", "text", "vector", "box"):
            form.pop(name, None)


def _one_of(name: str) -> _Maker:
    return lambda chosen, _: chosen.choice(KNOWN[name])


def _filter(chosen: random.Random, value: Any) -> Any:
    if isinstance(value, str):
        return chosen.choice(_FILTERS)
    for clause in _CLAUSES:
        del value.get(clause, [])[_MOST_CONDITIONS:]
    return None


def _inputs(_: random.Random, value: Any) -> Any:
    return [*map(_input, value)] if isinstance(value, list) else _input(value)


def _input(text: str) -> str:
    return KNOWN["image_base64"][-1] if text.startswith(("data:", "http")) else text


def _images(_: random.Random, images: Iterable[dict[str, Any]]) -> Any:
    """Name pictures of the catalogue, for those of queries are not kept."""
    for image in images:
        mend(image)
        if image.get("image_id") is not None:
            image["image_id"] = KNOWN["kept"][0]
    return images


_MAKERS: dict[str, _Maker] = {
    "file": lambda chosen, _: chosen.choice(_PICTURES),
    "queries": lambda _, value: _MIX if isinstance(value, str) else None,
    "box": lambda chosen, _: [0.1, 0.2, chosen.choice([0.7, 1]), 0.9],
    "vector": lambda chosen, _: [chosen.gauss(0, 1) for _ in range(KNOWN["dim"])],
    "filter": _filter,
    "facets": lambda chosen, _: chosen.choice([[], ["brand"], ["price", "colour", "category"]]),
    "dimensions": lambda *_: KNOWN["dim"],
    "input": _inputs,
    "images": _images,
    **{name: _one_of(name) for name in ("image_base64", "image_id", "product_id", "model")},
}
