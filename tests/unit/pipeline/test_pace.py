"""A pace is of so many callers at once, and then of one alone; what fails is heard of."""

from threading import Barrier, Lock, get_ident

import pytest

from service.pipeline.pace import pace

PICTURES = [bytes([number]) for number in range(3)]
PATIENCE_SECONDS = 20  # no test waits this long unless it fails


class Asked:
    """Notes who asks with what; the first `callers` calls wait for each other."""

    def __init__(self, callers: int) -> None:
        self.calls: list[tuple[int, bytes]] = []
        self._together = Barrier(callers)
        self._callers = callers
        self._lock = Lock()

    def __call__(self, data: bytes) -> None:
        with self._lock:
            self.calls.append((get_ident(), data))
            first = len(self.calls) <= self._callers
        if first:
            self._together.wait(PATIENCE_SECONDS)


def test_callers_ask_at_once_and_then_one_alone() -> None:
    asked = Asked(4)

    measured = pace(asked, PICTURES, 4, 0.02)

    assert len({caller for caller, _ in asked.calls[:4]}) == 4
    assert {caller for caller, _ in asked.calls[-5:]} == {get_ident()}
    assert {data for _, data in asked.calls} == set(PICTURES)
    assert measured.rate > 0
    assert 0 < measured.milliseconds < 1000


def test_a_slow_picture_is_asked_for_often_enough_all_the_same() -> None:
    asked = Asked(3)

    pace(asked, PICTURES, 3, 0.0)

    assert len(asked.calls) == 3 * 5 + 1 + 5


def test_the_rate_is_that_of_all_callers_together() -> None:
    asked = Asked(2)

    measured = pace(asked, PICTURES, 2, 0.2)

    crowd = sum(caller != get_ident() for caller, _ in asked.calls)
    assert crowd / 0.2 == pytest.approx(measured.rate, rel=0.5)


def test_a_picture_that_cannot_be_answered_ends_it() -> None:
    def ask(data: bytes) -> None:
        raise ValueError("no such picture")

    with pytest.raises(ValueError, match="no such picture"):
        pace(ask, PICTURES, 2, 0.02)
