"""What an answer under load is held to: what was written is found, what was deleted is not."""

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from loadtests.asks import Ask
from loadtests.checks import Reply, WrongAnswerError
from loadtests.keeper import Keeper
from loadtests.ledger import Ledger
from loadtests.shopper import LIMIT, Shopper
from loadtests.workload import Item, Query, Workload
from support.pictures import encoded, photo

JSON = {"content-type": "application/json"}
IDS = tuple(f"p{number}" for number in range(20))


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(encoded(photo(64, 64), "JPEG"))
    items = tuple(Item(id_, "Shoes", 10.0, f"Boots {id_}") for id_ in IDS)
    return Workload((Query(str(picture), "p0", within=1),), items, ("0" * 64,), (str(picture),))


def test_a_life_of_a_product_is_held_to_each_step(workload: Workload) -> None:
    ledger = Ledger()
    keeper = _keeper(workload, ledger)
    names, id_, price = [], "", 0.0
    for _ in range(Keeper.STEPS):
        ask = keeper.next()
        names.append(ask.name)
        sent = json.loads(ask.body) if ask.media_type == "application/json" else {}
        price = sent.get("price", price)
        if ask.method == "PUT":
            id_ = ask.path.rpartition("/")[2]
            picture = base64.b64decode(sent["images"][0]["image_base64"])
            product = {"id": id_, "images": [{"image_id": sha256(picture).hexdigest()}]}
            ask.check(_json(product, 201))
        elif ask.method == "PATCH":
            ask.check(_json({"id": id_, "price": price}))
        elif ask.method == "DELETE":
            assert ledger.mark() == 0
            ask.check(Reply(204, {}, b""))
            assert ledger.gone([id_, "p1"], ledger.mark()) == [id_]
        elif ask.method == "GET":
            ask.check(_problem(404, "product_not_found"))
        else:
            found = [*IDS[:LIMIT]] if "deleted" in ask.name else [id_, *IDS[: LIMIT - 1]]
            ask.check(_found(found[: 1 if "repriced" in ask.name else LIMIT], price=price))
    assert names == [
        "product, PUT",
        "search, just written",
        "product, PATCH",
        "search, just repriced",
        "product, DELETE",
        "search, just deleted",
        "product, deleted",
    ]
    assert keeper.next().path not in ("", f"/v1/products/{id_}"), "another life begins"


def test_a_deleted_product_fails_whatever_was_asked_for_after_its_deletion(
    workload: Workload,
) -> None:
    ledger = Ledger()
    shopper = Shopper(workload, ledger, seed=0)
    early = shopper.similar()
    ledger.deleted("gone")
    late = shopper.similar()
    shown = _found(["gone", *_others(late)[: LIMIT - 1]])

    early.check(_found(["gone", *_others(early)[: LIMIT - 1]]))  # on its way when it was deleted
    with pytest.raises(WrongAnswerError, match=r"deleted before it was asked.*'gone'"):
        late.check(shown)
    late.check(_found(_others(late)[:LIMIT]))


def test_a_written_product_that_is_not_found_fails_and_is_left(workload: Workload) -> None:
    keeper = _keeper(workload, Ledger())
    put = keeper.next()
    sent = json.loads(put.body)
    id_ = put.path.rpartition("/")[2]
    digest = sha256(base64.b64decode(sent["images"][0]["image_base64"])).hexdigest()
    put.check(_json({"id": id_, "images": [{"image_id": digest}]}, 201))

    with pytest.raises(WrongAnswerError, match="just written is not found"):
        keeper.next().check(_found(IDS[:LIMIT]))
    after = keeper.next()
    assert after.method == "PUT"
    assert after.path != put.path


def test_what_was_refused_is_asked_for_again(workload: Workload) -> None:
    """Whoever sends does not check a refusal, so that nothing has happened."""
    keeper = _keeper(workload, Ledger())
    assert keeper.next().path == keeper.next().path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_id": "another"}, "another picture's"),
        ({"degraded": ["store"]}, "degraded"),
        ({"results": []}, "0 results, not 10"),
    ],
)
def test_a_search_that_is_not_as_it_should_be(
    workload: Workload, changed: dict[str, Any], message: str
) -> None:
    shopper = Shopper(workload, Ledger(), seed=0)
    ask = shopper.search_base64()
    sent = json.loads(ask.body)
    digest = sha256(base64.b64decode(sent["image_base64"])).hexdigest()
    whole = json.loads(_found(IDS[:LIMIT]).body) | {"image_id": digest}

    ask.check(_json(whole))
    ask.check(_json(whole | {"degraded": ["cache"]}))
    with pytest.raises(WrongAnswerError, match=message):
        ask.check(_json(whole | changed))
    with pytest.raises(WrongAnswerError, match="not among the first 1"):
        ask.check(
            _json(whole | {"results": json.loads(_found(IDS[1 : LIMIT + 1]).body)["results"]})
        )


def test_a_picture_is_cropped_soon_after_it_was_sent_or_is_sent_again(workload: Workload) -> None:
    now = [100.0]
    shopper = Shopper(workload, Ledger(), seed=0, clock=lambda: now[0])
    assert shopper.crop().name == "search, multipart"
    ask = shopper.search_base64()
    digest = sha256(base64.b64decode(json.loads(ask.body)["image_base64"])).hexdigest()
    ask.check(_json(json.loads(_found(IDS[:LIMIT]).body) | {"image_id": digest}))
    assert shopper.crop().name == "search, crop"
    now[0] += 3
    assert shopper.crop().name == "search, multipart"


def test_a_filter_is_held_to_what_the_catalogue_has(workload: Workload) -> None:
    ask = Shopper(workload, Ledger(), seed=0).narrow()
    sent = json.loads(ask.body)
    digest = sha256(base64.b64decode(sent["image_base64"])).hexdigest()
    whole = json.loads(_found(IDS[:LIMIT]).body)
    whole |= {"image_id": digest, "facets": {"brand": {}, "price": {}}}

    ask.check(_json(whole))
    with pytest.raises(WrongAnswerError, match="facets"):
        ask.check(_json(whole | {"facets": {}}))
    strange = json.loads(_found([*IDS[: LIMIT - 1], "stranger"]).body)["results"]
    with pytest.raises(WrongAnswerError, match=r"does not keep.*stranger"):
        ask.check(_json(whole | {"results": strange}))


def test_the_tour_asks_for_all_there_is_once_answers_come(workload: Workload) -> None:
    names = {ask.name for ask in Shopper(workload, Ledger(), seed=0).tour()}
    assert {"page", "search, batch", "search, text", "search, similar", "product, PUT"} <= names


def _keeper(workload: Workload, ledger: Ledger) -> Keeper:
    return Shopper(workload, ledger, seed=0).keeper


def _others(ask: Ask) -> list[str]:
    """Products other than the one that is asked about."""
    about = ask.path.split("/")[3]
    return [id_ for id_ in IDS if id_ != about]


def _found(ids: Sequence[str], price: float = 10.0) -> Reply:
    results = [
        {"product_id": id_, "similarity": 1 - place / 1e5, "product": {"price": price}}
        for place, id_ in enumerate(ids)
    ]
    return _json({"image_id": None, "degraded": [], "facets": {}, "results": results})


def _json(body: object, status: int = 200) -> Reply:
    return Reply(status, JSON, json.dumps(body).encode())


def _problem(status: int, code: str) -> Reply:
    headers = {"content-type": "application/problem+json"}
    return Reply(status, headers, json.dumps({"code": code}).encode())
