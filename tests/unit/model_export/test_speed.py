import pytest

from model_export.speed import images_per_second


class Work:
    """Encoders that take the seconds they say on a clock of their own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def run(self, name: str, *seconds: float) -> None:
        calls = self.log.count(name)
        self.log.append(name)
        self.now += seconds[min(calls, len(seconds) - 1)]

    def clock(self) -> float:
        return self.now


def test_rates_are_pictures_over_the_median_call() -> None:
    work = Work()
    runs = {"slow": lambda: work.run("slow", 0.5), "fast": lambda: work.run("fast", 0.1)}
    rates = images_per_second(runs, 8, 3, clock=work.clock)
    assert rates == {"slow": pytest.approx(16), "fast": pytest.approx(80)}


def test_rounds_alternate_and_a_turn_begins_with_a_call_that_does_not_count() -> None:
    work = Work()
    # First call of all, then uncounted and counted in turn.
    a = (9.0, 9.0, 0.5, 9.0, 0.5)
    runs = {"a": lambda: work.run("a", *a), "b": lambda: work.run("b", 0.25)}
    assert images_per_second(runs, 1, 2, clock=work.clock)["a"] == pytest.approx(2)
    assert work.log == ["a", "b", *["a", "a", "b", "b"] * 2]


def test_a_short_call_is_repeated_within_its_turn() -> None:
    work = Work()
    rates = images_per_second({"a": lambda: work.run("a", 0.01)}, 1, 1, clock=work.clock)
    assert rates["a"] == pytest.approx(100)
    assert len(work.log) >= 2 + 5


def test_one_slow_call_does_not_move_the_rate() -> None:
    work = Work()
    calls = (1.0, 1.0, 0.1, 0.1, 5.0, 0.1, 0.1, 0.1, 0.1)
    rates = images_per_second({"a": lambda: work.run("a", *calls)}, 1, 5, clock=work.clock)
    assert rates["a"] == pytest.approx(10)
