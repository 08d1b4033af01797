"""How long one more would wait: measured while there is work, and forgotten with it."""

import pytest

from service.pipeline.load import Load, Ticket


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def work(load: Load, clock: Clock, requests: int, seconds: float) -> None:
    for _ in range(requests):
        with load.admit().working():
            clock.now += seconds


def queued(load: Load, requests: int) -> list[Ticket]:
    return [load.admit() for _ in range(requests)]


def test_nothing_is_known_before_anything_ended() -> None:
    clock = Clock()
    load = Load(clock=clock)
    queued(load, 5)
    assert (load.waiting, load.wait_seconds) == (5, 0.0)


def test_the_wait_is_what_is_before_one_over_the_rate() -> None:
    clock = Clock()
    load = Load(clock=clock)
    work(load, clock, 50, 0.02)
    assert load.wait_seconds == 0.0
    queued(load, 30)
    assert load.wait_seconds == pytest.approx(30 * 0.02, rel=0.02)


def test_idle_time_slows_nothing_down() -> None:
    clock = Clock()
    load = Load(clock=clock)
    for _ in range(50):
        work(load, clock, 1, 0.02)
        clock.now += 10
    queued(load, 30)
    assert load.wait_seconds == pytest.approx(30 * 0.02, rel=0.02)


def test_several_at_once_end_faster() -> None:
    clock = Clock()
    load = Load(clock=clock)
    for _ in range(50):
        for ticket in queued(load, 4):
            load.begin(ticket)
        clock.now += 0.1
        for _ in range(4):
            load.end()
    queued(load, 30)
    assert load.wait_seconds == pytest.approx(30 / 40, rel=0.1)


def test_another_pace_is_known_within_seconds() -> None:
    clock = Clock()
    load = Load(clock=clock)
    work(load, clock, 1000, 0.01)
    work(load, clock, 40, 0.1)
    queued(load, 10)
    assert load.wait_seconds == pytest.approx(10 * 0.1, rel=0.2)


def test_work_that_does_not_end_makes_the_wait_grow() -> None:
    clock = Clock()
    load = Load(clock=clock)
    work(load, clock, 50, 0.02)
    for ticket in queued(load, 10):
        load.begin(ticket)
    waits = []
    for _ in range(4):
        waits.append(load.wait_seconds)
        clock.now += 1
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.2, rel=0.02)
    assert waits[-1] > 3


def test_few_are_no_queue_however_long_they_take() -> None:
    clock = Clock()
    load = Load(few=3, clock=clock)
    work(load, clock, 10, 5.0)
    queued(load, 3)
    assert load.wait_seconds == 0.0
    queued(load, 1)
    assert load.wait_seconds == pytest.approx(20, rel=0.15)


def test_a_caller_who_sends_nothing_for_long_is_not_waited_for() -> None:
    clock = Clock()
    load = Load(clock=clock)
    slow, quick = queued(load, 2)
    with slow.receiving():
        clock.now += 0.9
        with quick.receiving():
            clock.now += 0.2
            assert load.waiting == 1
    assert load.waiting == 2, "it came at last"
    clock.now += 100
    assert load.waiting == 2, "what it sent has yet to be read"
    with slow.working():
        with slow.receiving():  # to see whether it hangs up
            clock.now += 100
        assert load.waiting == 2
    slow.close()
    assert load.waiting == 1


def test_what_is_given_up_before_it_was_work_is_gone() -> None:
    load = Load(clock=Clock())
    ticket = load.admit()
    ticket.close()
    assert load.waiting == 0


def test_what_ends_without_work_makes_the_others_wait_less() -> None:
    """Such as what a cache has: of ten requests nine are answered at once."""
    clock = Clock()
    load = Load(clock=clock)
    for _ in range(50):
        for ticket in queued(load, 9):
            ticket.close()
        work(load, clock, 1, 0.1)
    queued(load, 100)
    assert load.wait_seconds == pytest.approx(100 / 10 * 0.1, rel=0.05)


def test_an_hour_of_that_is_forgotten_within_seconds_of_work() -> None:
    clock = Clock()
    load = Load(clock=clock)
    for _ in range(100_000):
        load.admit().close()
    work(load, clock, 300, 0.01)
    queued(load, 100)
    assert load.wait_seconds == pytest.approx(1.0, rel=0.2)


def test_what_becomes_slower_is_counted_on_before_it_is_measured() -> None:
    clock = Clock()
    load = Load(clock=clock)
    assert load.spacing == 0.0
    load.expect(1.0)
    assert load.spacing == 0.0, "nothing ended yet"
    work(load, clock, 50, 0.02)
    assert load.spacing == pytest.approx(0.02, rel=0.02)

    load.expect(0.1)
    queued(load, 10)
    assert load.wait_seconds == pytest.approx(10 * 0.1, rel=0.02)
    load.expect(0.01)
    assert load.spacing == pytest.approx(0.1, rel=0.02), "it is not faster for that"
