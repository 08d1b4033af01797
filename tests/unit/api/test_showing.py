"""What is told of products and answers, where a catalogue has what JSON has not."""

import json
import math

from pydantic import TypeAdapter

from service.api.schemas import FacetOut, ProductOut
from service.api.showing import json_of, show_product
from service.core.types import Product, StoredProduct


def test_a_product_is_shown_with_whatever_attributes_it_has() -> None:
    attributes = {"sizes": ("S", "M"), "new": True, "rating": 4.0, "sold": 3, "note": 'a "b" \n ü'}
    product = Product("1", title="Hemd", price=19.9, attributes=attributes)
    stored = StoredProduct(product, ("a" * 64, "b" * 64), "2026-11-25T21:27:28+00:00", 7)

    body = json_of(show_product(stored))

    described = TypeAdapter(ProductOut)
    assert described.dump_json(described.validate_json(body, strict=True, extra="forbid")) == body
    told = json.loads(body)
    assert told["attributes"] == {**attributes, "sizes": ["S", "M"]}
    assert b'"new":true,"rating":4.0,"sold":3' in body
    assert [image["url"] for image in told["images"]] == [
        f"/v1/images/{'a' * 64}",
        f"/v1/images/{'b' * 64}",
    ]


def test_a_number_that_is_not_finite_is_null() -> None:
    facet: FacetOut = {"values": [], "missing": 0, "min": -math.inf, "max": math.nan}

    assert json_of(facet) == b'{"values":[],"missing":0,"min":null,"max":null}'
