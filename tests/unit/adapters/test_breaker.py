"""A breaker: what failed is left alone, then tried by one."""

from service.adapters.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def broken() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(10, clock)
    breaker.failed()
    return breaker, clock


def test_everyone_may_ask_until_it_fails() -> None:
    breaker = Breaker(10, Clock())
    assert all(breaker.allows() for _ in range(3))
    breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"
    assert not breaker.allows()


def test_after_a_rest_one_may_ask_and_success_lets_everyone() -> None:
    breaker, clock = broken()
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.state == "half_open"
    assert [breaker.allows() for _ in range(5)] == [True] + [False] * 4
    breaker.succeeded()
    assert breaker.state == "closed"
    assert all(breaker.allows() for _ in range(3))


def test_a_probe_that_fails_begins_the_rest_again() -> None:
    breaker, clock = broken()
    clock.now += 10
    assert breaker.allows()
    breaker.failed()
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.allows()


def test_who_asked_before_the_failure_proves_nothing() -> None:
    breaker, clock = broken()
    breaker.succeeded()
    assert not breaker.allows()
    clock.now += 10
    breaker.succeeded()
    assert breaker.state == "half_open", "nor does one that comes late"


def test_a_probe_that_never_tells_is_waited_for_no_longer_than_a_rest() -> None:
    breaker, clock = broken()
    clock.now += 10
    assert breaker.allows()
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.allows()
