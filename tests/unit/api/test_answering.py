"""What is kept of an answer, and what is not."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from service.api.answering import Answering, Told, written
from service.api.queries import AskedQuery
from service.core.caching import CacheCounts
from service.core.store import Write
from service.core.types import Product
from service.pipeline.querying import Picture, Query
from service.pipeline.results import ResultCache
from service.pipeline.search import Ask
from service.pipeline.terms import PATIENT
from support.fakes import FakeCache
from support.query_shop import Shop, make_shop
from support.shops import picture

ASKED = AskedQuery(Ask(Query.of(Picture(picture(1))), 10))


@pytest.fixture
def shop() -> Shop:
    made = make_shop(heads=True)
    made.index({"1": [1], "2": [2]})
    return made


def answering(shop: Shop, kept: FakeCache) -> Answering:
    serving: Any = SimpleNamespace(search=shop.search, results=ResultCache([kept]))
    return Answering(serving)


def told(shop: Shop, kept: FakeCache, **changed: Any) -> Told:
    made = answering(shop, kept)
    asked = made._asked(ASKED)
    outcome = made._told(asked, replace(shop.search.answer(ASKED.ask), **changed))
    assert isinstance(outcome, Told)
    return outcome


def test_an_answer_is_kept_without_what_is_of_one_request(shop: Shop) -> None:
    kept = FakeCache()
    shown = told(shop, kept, degraded=["cache"])
    (value,) = kept.values.values()
    body = json.loads(value[2:])
    assert body.keys().isdisjoint({"request_id", "took_ms", "timings", "degraded"})
    request: Any = SimpleNamespace(state=SimpleNamespace(request_id="r-1"))
    whole = json.loads(written(request, shown, 0.0))
    assert whole["degraded"] == ["cache"]
    assert whole["request_id"] == "r-1"
    assert {name: whole[name] for name in body} == body


@pytest.mark.parametrize("degraded", [["tier"], ["cache", "tier"], ["whatever comes"]])
def test_an_answer_that_something_made_worse_is_not_kept(shop: Shop, degraded: list[str]) -> None:
    kept = FakeCache()
    assert told(shop, kept, degraded=degraded).degraded == degraded
    assert kept.values == {}


def test_an_answer_during_which_something_was_written_is_not_kept(shop: Shop) -> None:
    kept = FakeCache()
    made = answering(shop, kept)
    asked = made._asked(ASKED)
    answer = shop.search.answer(ASKED.ask)
    shop.store.write([Write("3", Product("3"), ())], shop.encoder.bundle_digest, {})
    made._told(asked, answer)
    assert kept.values == {}


def test_a_herd_asks_once_for_what_is_kept_far_away_and_no_thread_searches(shop: Shop) -> None:
    kept, far = FakeCache(), FakeCache()
    requests: list[Any] = [SimpleNamespace(state=SimpleNamespace()) for _ in range(200)]
    shown = told(shop, far)
    serving: Any = SimpleNamespace(search=shop.search, results=ResultCache([kept, far]))
    made = Answering(serving)

    async def herd() -> list[Told]:
        return await asyncio.gather(*(made.answer(each, ASKED, PATIENT) for each in requests))

    answers = asyncio.run(herd())
    assert {answer.result for answer in answers} == {shown.result}
    assert Counter(next(iter(answer.timings)) for answer in answers) == {"cached": 1, "joined": 199}
    assert [each.state.answers for each in requests] == [[answer] for answer in answers]
    assert far.counts == CacheCounts(hits=1, misses=0)


def test_without_an_index_there_is_no_key_and_the_search_says_why(shop: Shop) -> None:
    assert answering(make_shop(), FakeCache())._asked(ASKED).moment is None


def test_nothing_is_asked_of_a_cache_that_keeps_nothing(shop: Shop) -> None:
    serving: Any = SimpleNamespace(search=shop.search, results=ResultCache())
    made = Answering(serving)
    assert made._asked(ASKED).moment is None
