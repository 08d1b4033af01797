"""A sweep keeps what is better beyond doubt, and nothing else; noise hits all candidates alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from service.pipeline.pace import Ask, Pace
from service.pipeline.tuning import ROUNDS, Goal, Knobs, Stage, Sweep, Tuned, stages_for

START = Knobs(
    best_tier=None, threads=None, lanes=1, spinning=True, max_batch=16, decode_threads=None
)
STAGES = stages_for(START, tiers=["best-int8"], cores=4)


@dataclass(frozen=True)
class Asked:
    knobs: Knobs

    def __call__(self, data: bytes) -> None:
        pass


class Machine:
    """Paces that follow from the knobs, times a load that grows, times noise of each."""

    def __init__(self, model: Callable[[Knobs], Pace], noise: float = 0.0, seed: int = 0) -> None:
        self._model = model
        self._noise = noise
        self._random = np.random.default_rng(seed)
        self.measured: list[Knobs] = []
        self.seconds = 0.0

    def measure(self, ask: Ask, pictures: Sequence[bytes], callers: int, seconds: float) -> Pace:
        assert isinstance(ask, Asked)
        self.measured.append(ask.knobs)
        self.seconds += seconds
        made = self._model(ask.knobs)
        slow = 1 + len(self.measured) / 10
        low, high = np.exp(self._random.normal(0, self._noise, 2))
        return Pace(made.rate / slow * low, made.milliseconds * slow * high)

    def tune(self, goal: Goal = "both", stages: Sequence[Stage] = STAGES) -> Tuned:
        sweep = Sweep(Asked, [b"a"], goal, seconds=60, measure=self.measure)
        return sweep.run(START, stages)


def flat(knobs: Knobs) -> Pace:
    return Pace(100, 10)


def test_where_nothing_matters_nothing_is_changed() -> None:
    changed = [Machine(flat, noise=0.1, seed=seed).tune().changed for seed in range(20)]
    assert sum(changed) <= 2


def test_what_is_better_is_found_though_the_machine_gets_slower_all_the_while() -> None:
    def model(knobs: Knobs) -> Pace:
        speed = 1.3 if knobs.best_tier else 1.0
        speed *= 1.2 if (knobs.threads, knobs.lanes) == (1, 4) else 1.0
        speed *= 1.2 if knobs.decode_threads == 8 else 1.0
        return Pace(100 * speed, 10 / speed)

    tuned = Machine(model, noise=0.01).tune()

    assert tuned.changed
    assert tuned.best == replace(START, best_tier="best-int8", threads=1, lanes=4, decode_threads=8)
    before, after = tuned.stages["all"]
    assert (before.knobs, after.knobs) == (START, tuned.best)
    assert after.verdict == "better"


@pytest.mark.parametrize(("goal", "lanes"), [("throughput", 4), ("latency", 1), ("both", 1)])
def test_what_counts_is_what_was_asked_for(goal: Goal, lanes: int) -> None:
    def model(knobs: Knobs) -> Pace:
        return Pace(130, 30) if knobs.threads == 1 else Pace(100, 10)

    assert Machine(model).tune(goal).best.lanes == lanes


def test_a_gain_too_small_to_matter_is_none() -> None:
    def model(knobs: Knobs) -> Pace:
        return flat(knobs) if knobs.spinning else Pace(102, 10 / 1.02)

    assert not Machine(model).tune().changed


def test_what_is_worse_is_said_to_be() -> None:
    def model(knobs: Knobs) -> Pace:
        return flat(knobs) if knobs.spinning else Pace(80, 12)

    tuned = Machine(model).tune()

    kept, tried = tuned.stages["spinning"]
    assert (kept.kept, kept.verdict, tried.kept, tried.verdict) == (True, "", False, "worse")


def test_what_was_found_by_chance_is_dropped_at_the_end() -> None:
    first_stage = 2 * ROUNDS
    machine = Machine(flat)

    def lucky(knobs: Knobs) -> Pace:
        by_chance = len(machine.measured) <= first_stage and not knobs.spinning
        return Pace(200, 5) if by_chance else Pace(100, 10)

    machine._model = lucky
    tuned = machine.tune(stages=[Stage("spinning", [{"spinning": False}])])

    assert [trial.kept for trial in tuned.stages["spinning"]] == [False, True]
    assert [trial.kept for trial in tuned.stages["all"]] == [True, False]
    assert not tuned.changed


def test_candidates_take_turns_and_the_time_is_what_was_given() -> None:
    machine = Machine(flat)
    machine.tune(stages=[Stage("batch", [{"max_batch": 2}, {"max_batch": 4}])])

    rounds = [machine.measured[at : at + 3] for at in range(0, 3 * ROUNDS, 3)]
    assert {frozenset(each) for each in rounds} == {frozenset(rounds[0])}
    assert len({each[0] for each in rounds}) == 3
    assert machine.seconds <= 60


def test_a_change_that_changes_nothing_is_not_tried() -> None:
    assert Machine(flat).tune(stages=[Stage("lanes", [{"lanes": 1}])]).stages == {}


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
def test_what_is_worth_trying_fits_the_machine(cores: int) -> None:
    for stage in stages_for(START, tiers=[], cores=cores):
        for change in stage.changes:
            threads = change.get("threads")
            assert threads is None or 0 < threads < cores
            assert all(
                value is None or value >= 1 for value in change.values() if value is not False
            )


def test_a_device_has_neither_lanes_nor_threads_to_choose() -> None:
    stages = stages_for(START, tiers=["best-int8"], cores=4, on_gpu=True)
    assert [stage.name for stage in stages] == ["batch", "decoding"]
