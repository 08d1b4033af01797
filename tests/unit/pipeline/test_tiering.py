"""`auto` steps down when queries would wait too long, and back when they have not for a while."""

import pytest

from service.pipeline.load import Load
from service.pipeline.querying import Picture, Query, Words
from service.pipeline.search import Ask
from service.pipeline.tiering import Tiers
from support.fakes import FakeEncoder
from support.query_shop import make_shop, picture


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Waiting(Load):
    """A load of which a query waits as long as one says."""

    wait = 0.0

    @property
    def wait_seconds(self) -> float:
        return self.wait


def cheap_encoder() -> FakeEncoder:
    encoder = FakeEncoder()
    encoder.tier = encoder.tier.model_copy(update={"name": "cheap"})
    return encoder


def roles(tiers: Tiers, wanted: str = "auto") -> list[str]:
    return [pick.role for pick in tiers.pick(wanted)]


def test_what_is_asked_for_by_name_is_had_whatever_waits() -> None:
    load = Waiting()
    tiers = Tiers(FakeEncoder(), cheap_encoder(), load=load, target_seconds=1)
    for load.wait in (0.0, 100.0):
        assert (roles(tiers, "best"), roles(tiers, "fast")) == (["best"], ["fast"])


def test_auto_steps_down_beyond_the_target_and_back_after_a_calm_while() -> None:
    load, clock = Waiting(), Clock()
    tiers = Tiers(FakeEncoder(), cheap_encoder(), load=load, target_seconds=1, clock=clock)
    told = []
    for clock.now, load.wait in [
        (10.0, 0.0),
        (11.0, 1.0),
        (12.0, 1.01),  # beyond
        (13.0, 0.9),  # no more so, and not calm
        (14.0, 0.2),
        (15.0, 0.2),
        (15.1, 0.2),  # calm since 13, the last time that it was not
        (16.0, 0.9),
        (17.0, 1.01),
        (60.0, 0.0),  # nobody asked meanwhile
    ]:
        told.append(roles(tiers) == ["best", "fast"])
    assert told == [False, False, True, True, True, False, False, False, True, False]


def test_who_comes_after_a_step_back_is_told_the_wait_of_the_best_tier() -> None:
    clock = Clock()
    load = Load(clock=clock)
    tiers = Tiers(FakeEncoder(), cheap_encoder(), load=load, target_seconds=0.5, clock=clock)
    seconds = {"best": 0.03, "fast": 0.005}

    def crowd(requests: int) -> None:
        tickets = [load.admit() for _ in range(requests)]
        for ticket in tickets:
            role = roles(tiers)[-1]
            with ticket.working():
                clock.now += seconds[role]

    crowd(30)  # 0.9 s of the best tier's work: what it takes is known at the end
    crowd(400)  # so that these step down, and are soon done
    assert load.spacing == pytest.approx(seconds["fast"], rel=0.2)
    clock.now += 60
    assert roles(tiers) == ["best"]
    waiting = [load.admit() for _ in range(20)]
    assert load.wait_seconds >= 0.9 * len(waiting) * seconds["best"]


def test_a_model_of_one_tier_has_nowhere_to_step_down_to() -> None:
    load = Waiting()
    load.wait = 100.0
    tiers = Tiers(FakeEncoder(), load=load, target_seconds=1)
    assert {tuple(roles(tiers, wanted)) for wanted in ("auto", "fast", "best")} == {("best",)}
    assert list(tiers.open) == ["best"]


def test_an_answer_says_which_tier_looked_and_that_it_was_lowered() -> None:
    shop = make_shop()
    shop.index({"p1": [1], "p2": [2]})
    load, cheap = Waiting(), cheap_encoder()
    tiers = Tiers(shop.encoder, cheap, load=load, target_seconds=1)
    shop.replace_tiers(tiers)
    runs = len(shop.encoder.batches)

    def told(seed: int, tier: str = "auto") -> tuple[str | None, list[str]]:
        answer = shop.search.answer(Ask(Query.of(Picture(picture(seed))), 1, tier=tier))
        return answer.tier, answer.degraded

    assert told(11) == ("best", [])
    load.wait = 2.0
    assert told(12) == ("fast", ["tier"])
    assert told(12) == ("fast", ["tier"]), "as it was kept"
    assert told(11) == ("best", []), "which is known already"
    assert told(13, "fast") == ("fast", []), "as was asked for"
    assert told(13, "best") == ("best", [])
    load.wait = 0.0
    assert told(12, "best") == ("best", []), "what the fast tier made is not mistaken for its own"
    assert (len(shop.encoder.batches) - runs, len(cheap.batches)) == (3, 2)


def test_queries_of_several_tiers_come_together_and_each_gets_its_own() -> None:
    shop = make_shop()
    shop.index({"p1": [1], "p2": [2]})
    shop.replace_tiers(Tiers(shop.encoder, cheap_encoder()))
    wanted = ["fast", "best", "auto", "fast"]
    asks = [
        Ask(Query.of(Picture(picture(20 + seed))), 1, tier=tier) for seed, tier in enumerate(wanted)
    ]
    answers = shop.search.answers(asks)
    assert [answer.tier for answer in answers] == ["fast", "best", "best", "fast"]


def test_words_are_seen_by_no_tier() -> None:
    shop = make_shop(words=True)
    shop.index({"p1": [1]})
    assert shop.search.answer(Ask(Query.of(Words("red")), 1, tier="fast")).tier is None
