"""What an answer depends on is in its key; what is kept comes back as it was, or not at all."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.api.queries import AskedQuery, parse_query
from service.api.search_request import SearchRequest
from service.core.caching import CacheCounts
from service.core.store import Write
from service.core.types import Product
from service.pipeline.querying import LinkedPicture, Part, Picture, Query
from service.pipeline.results import Result, ResultCache, ResultKeys, canonical, is_fixed
from service.pipeline.search import Ask
from support.fakes import FakeCache
from support.query_shop import Shop, make_shop
from support.shops import picture

KEY, BODY = "key", b'{"image_id":null,"results":[]}'
BASE: dict[str, Any] = {"image_id": "a" * 64}
OTHERS: dict[str, list[Any]] = {
    "limit": [11],
    "offset": [1],
    "filter": ["brand:a", "brand:b", "-brand:a", "price:1..2"],
    "facets": [["brand"], ["brand", "price"], ["price", "brand"]],
    "exclude_ids": [["1"], ["1", "2"]],
    "min_similarity": [0.0, 0.5],
    "diversity": [0.5],
    "collapse": [0.9, 1.0],
    "category": ["auto"],
    "with_product": [False],
    "explain": [True],
    "tier": ["fast", "best"],
    "box": [[0, 0, 0.5, 1], [0, 0, 1, 0.5]],
    "text": ["red", "blue"],
}
INPUTS: list[dict[str, Any]] = [
    {"product_id": "a" * 64},
    {"text": "a" * 64},
    {"vector": [1.0, 0.0]},
    {"vector": [1.0, 0.5]},
    {"queries": [{"image_id": "a" * 64, "weight": 0.5}]},
    {"queries": [{"image_id": "a" * 64}, {"product_id": "1", "weight": -1}]},
    {"image_base64": "AAAA"},
    {"image_base64": "AAAB"},
]
ALIKE = {"group_by"}
"""Options that have one value."""


@pytest.fixture
def shop() -> Shop:
    made = make_shop(words=True)
    made.index({"1": [1], "2": [2]})
    return made


def test_every_option_and_every_input_is_in_the_key() -> None:
    """Fails for an option that is added and left out here, or left out of what is asked."""
    known = SearchRequest.model_fields.keys() & (OTHERS.keys() | {"tier"})
    inputs = {"image_base64", "image_url", "image_id", "product_id", "vector", "queries"}
    assert SearchRequest.model_fields.keys() - inputs - ALIKE == known
    asked = [BASE, *INPUTS]
    asked += [BASE | {name: value} for name in known for value in OTHERS[name]]
    written = [canonical(parse_query(fields)) for fields in asked]
    assert len(set(written)) == len(asked)
    assert written == [canonical(parse_query(fields)) for fields in asked]


def test_what_is_asked_in_another_order_or_form_is_the_same() -> None:
    def of(**fields: Any) -> str:
        return canonical(parse_query(BASE | fields))

    assert of(exclude_ids=["b", "a", "c"]) == of(exclude_ids=["c", "a", "b"])
    assert of(filter="brand:a") == of(filter={"must": [{"key": "brand", "match": "a"}]})
    assert of(limit=10, diversity=0) == of()


def test_numbers_truth_and_text_are_told_apart() -> None:
    values = [1, 1.0, True, "1", "1.0", "True", (1,), ("1",), ("a", "b"), ("a,b",), ("a','b",)]
    assert len({canonical(value) for value in values}) == len(values)


def test_what_does_not_tell_equals_apart_is_left_out() -> None:
    @dataclass(frozen=True)
    class Told:
        kept: int
        left: object = field(compare=False)

    assert canonical(Told(1, object())) == canonical(Told(1, object())) != canonical(Told(2, 1))


def test_a_picture_is_its_digest() -> None:
    query = Query.of(Picture(b"some bytes"))
    assert canonical(query) == canonical(Query.of(Picture(b"some bytes")))
    assert canonical(query) != canonical(Query.of(Picture(b"other bytes")))
    assert "some bytes" not in canonical(query)


def test_behind_a_url_may_be_anything() -> None:
    assert is_fixed(Query.of(Picture(b"x")))
    parts = (Part(Picture(b"x")), Part(LinkedPicture("https://shop.example/a.jpg")))
    assert not is_fixed(Query(parts))


def test_a_write_another_version_and_a_rollback_are_other_moments(shop: Shop) -> None:
    keys = ResultKeys(shop.search)
    asked = AskedQuery(Ask(Query.of(Picture(picture(1))), 10))

    def now() -> str:
        return keys.key(keys.moment(), asked)

    seen = [now()]
    assert now() == seen[0]
    shop.store.write([Write("3", Product("3"), ())], shop.encoder.bundle_digest, {})
    seen.append(now())  # before the index was told
    shop.live.catch_up()
    seen.append(now())
    shop.index({"1": [1]})
    seen.append(now())
    shop.snapshots.roll_back()
    shop.live.refresh()
    seen.append(now())
    assert len(set(seen)) == 5


def test_another_catalogue_model_or_text_tower_has_other_keys() -> None:
    shops = [make_shop(), make_shop(), make_shop(heads=True)]
    keys = []
    for shop in shops:
        shop.index({"1": [1]})
        made = ResultKeys(shop.search)
        keys.append(made.key(made.moment(), AskedQuery(Ask(Query.of(Picture(b"x")), 10))))
    assert len(set(keys)) == 3


def test_an_answer_is_of_a_moment_that_lasted(shop: Shop) -> None:
    keys = ResultKeys(shop.search)
    before = keys.moment()
    answer = shop.search.by_picture(picture(1), 10)
    assert keys.of_moment(answer, before)
    shop.store.write([Write("3", Product("3"), ())], shop.encoder.bundle_digest, {})
    assert not keys.of_moment(answer, before), "a write came meanwhile"
    assert not keys.of_moment(answer, keys.moment()) or answer.sequence == keys.moment()[1]
    shop.index({"1": [1]})
    assert not keys.of_moment(answer, keys.moment()), "it is of the version before"


@pytest.mark.parametrize("match", ["exact", "similar", "weak", "none", None])
def test_what_is_kept_comes_back(match: Any) -> None:
    near, far = FakeCache(), FakeCache()
    ResultCache([near, far]).set(KEY, Result(BODY, match))
    assert near.values == far.values
    assert near.values[KEY][:1] == b"\x01"
    assert near.values[KEY].endswith(BODY)
    assert ResultCache([near]).near(KEY) == Result(BODY, match)
    others = ResultCache([FakeCache(), far])
    assert others.near(KEY) is None
    assert asyncio.run(others.far("other")) is None
    assert asyncio.run(others.far(KEY)) == Result(BODY, match)
    assert others.near(KEY) == Result(BODY, match), "brought nearer"
    assert ResultCache([FakeCache(), far]).get_many([KEY, "other"]) == [Result(BODY, match), None]


@pytest.mark.parametrize(
    "value", [b"", b"\x01", b"\x02e" + BODY, b"\x01?" + BODY, b"\x01e" + BODY[:-1], b"\x01e[]"]
)
def test_what_is_none_of_ours_is_absent(value: bytes) -> None:
    cache = FakeCache()
    cache.set(KEY, value)
    assert ResultCache([cache]).near(KEY) is None
    assert ResultCache([cache]).get_many([KEY]) == [None]


def test_far_away_is_not_asked_where_there_is_none_nor_one_that_fails() -> None:
    near, far = FakeCache(), FakeCache()
    near.set(KEY, b"\x01e" + BODY)
    assert asyncio.run(ResultCache([near]).far(KEY)) is None
    far.set(KEY, b"\x01e" + BODY)
    far.down = True
    assert asyncio.run(ResultCache([FakeCache(), far]).far(KEY)) is None
    assert (near.counts, far.counts) == (CacheCounts(0, 0), CacheCounts(0, 0))


def test_without_caches_nothing_is_kept() -> None:
    cache = ResultCache()
    cache.set(KEY, Result(BODY, None))
    assert (cache.keeps, cache.near(KEY)) == (False, None)
