"""Shapes of a load, what a refusal must say, and what makes a run fail."""

import json

import pytest

from loadtests.checks import Reply, WrongAnswerError, check_overloaded
from loadtests.shapes import NAMES, Name, Shape
from loadtests.summary import Aims, Figures, Group


def test_steady_and_soak_have_as_many_all_the_time() -> None:
    for name in ("steady", "soak"):
        shape = Shape(name, users=7, seconds=60)
        assert {shape.at(second) for second in range(60)} == {7}
        assert not shape.overloads


def test_a_ramp_rises_from_a_quarter_to_four_times_as_many() -> None:
    shape = Shape("ramp", users=8, seconds=80)
    users = [shape.at(second) or 0 for second in range(80)]
    assert users == sorted(users)
    assert (users[0], users[-1], len(set(users))) == (2, 32, 8)
    assert shape.overloads


def test_a_spike_is_the_middle_fifth() -> None:
    shape = Shape("spike", users=4, seconds=100)
    users = [shape.at(second) for second in range(100)]
    assert users == [4] * 40 + [32] * 20 + [4] * 40
    assert shape.most == 32
    assert shape.overloads


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_ends_and_survives_being_told(name: Name) -> None:
    shape = Shape(name, users=1, seconds=5)
    assert shape.at(5) is None
    assert all((shape.at(second) or 0) >= 1 for second in range(5))
    assert Shape.read(shape.told()) == shape


def test_a_refusal_says_when_to_come_back() -> None:
    assert check_overloaded(_refused("2")) == 2
    for told in (None, "", "0", "soon", "61", "1.5"):
        with pytest.raises(WrongAnswerError, match="Retry-After"):
            check_overloaded(_refused(told))
    with pytest.raises(WrongAnswerError, match="rate_limited"):
        check_overloaded(_refused("2", code="rate_limited"))


def test_aims_that_are_missed_are_named() -> None:
    figures = _figures(failures=1, p95=80, p99=200)
    assert Aims(p95_ms=80, p99_ms=200, failures=0.01).missed(figures) == []
    assert Aims().missed(figures) == ["1 of 100 requests failed"]
    assert Aims(p95_ms=79, p99_ms=199, failures=1).missed(figures) == [
        "p95 of searches is 80 ms, over 79",
        "p99 of searches is 200 ms, over 199",
    ]


def test_a_run_without_requests_fails() -> None:
    nothing = Group("total", 0, 0, 0, 0, 0, 0)
    assert Aims(failures=1).missed(Figures((), nothing, nothing, 0, {}))


def _refused(retry_after: str | None, code: str = "overloaded") -> Reply:
    headers = {"content-type": "application/problem+json"}
    if retry_after is not None:
        headers["retry-after"] = retry_after
    return Reply(429, headers, json.dumps({"code": code}).encode())


def _figures(failures: int, p95: float, p99: float) -> Figures:
    group = Group("total", 100, failures, 10, 20, p95, p99)
    return Figures((group,), group, group, 0, {})
