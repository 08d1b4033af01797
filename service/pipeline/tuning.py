"""Which settings suit a machine: one stage after another, each keeps what is better beyond doubt.

    stage: those found so far, and each change -> rounds, all in turn -> paces -> gains over them
        -> better in every round, and by enough? kept : left as it was
    at last: what was found against what there was at first, in the same way

What else the machine does drifts over seconds and meets all candidates of a round alike; only paces
of one round are compared.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from service.pipeline.pace import Ask, Pace, pace

ROUNDS = 5
"""A change that does nothing is ahead in all of them once in 32 times."""
LEAST_GAIN = 1.03
"""Less is not worth a setting."""
CALLERS = 8

Goal: TypeAlias = Literal["both", "throughput", "latency"]
Verdict: TypeAlias = Literal["", "better", "worse", "within noise"]
_WEIGHTS: Mapping[Goal, float] = {"both": 0.5, "throughput": 1.0, "latency": 0.0}


@dataclass(frozen=True, slots=True)
class Knobs:
    """What can be tuned: the settings of the same names, which say what each does."""

    best_tier: str | None
    threads: int | None
    lanes: int | None
    spinning: bool
    max_batch: int
    decode_threads: int | None


@dataclass(frozen=True, slots=True)
class Stage:
    """Changes of which at most one is kept; those that change nothing are left out."""

    name: str
    changes: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one candidate.

    Attributes:
        paces: By round.
        gains: By round, over what the stage began with: 1.1 is a tenth better; [] of that itself.
        kept: The stage ended with it.
    """

    knobs: Knobs
    paces: Sequence[Pace]
    gains: Sequence[float] = ()
    kept: bool = False

    @property
    def gain(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.gains) if self.gains else 1.0

    @property
    def verdict(self) -> Verdict:
        """Whether it differs in every round from what the stage began with, and by enough."""
        if not self.gains:
            return ""
        if min(self.gains) > 1 and self.gain >= LEAST_GAIN:
            return "better"
        if max(self.gains) < 1 and self.gain <= 1 / LEAST_GAIN:
            return "worse"
        return "within noise"


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a sweep found; `best` are the knobs at its start where nothing is better."""

    start: Knobs
    best: Knobs
    stages: Mapping[str, Sequence[Trial]]

    @property
    def changed(self) -> bool:
        """Whether anything is better than what there was."""
        return self.best != self.start


@dataclass(frozen=True, slots=True)
class Sweep:
    """How candidates are compared.

    Attributes:
        opened: Gives what is asked under some knobs; called once in a stage for each candidate.
        pictures: Encoded, to ask with in turn.
        goal: What counts: pictures a second, the time of one, or the geometric mean of both.
        seconds: For all of it, about; opening models comes on top.
        tell: Is told of each stage before it begins.
        measure: How one candidate is measured once.
    """

    opened: Callable[[Knobs], Ask]
    pictures: Sequence[bytes]
    goal: Goal = "both"
    seconds: float = 60.0
    tell: Callable[[str], None] = lambda stage: None
    measure: Callable[[Ask, Sequence[bytes], int, float], Pace] = pace

    def run(self, start: Knobs, stages: Sequence[Stage]) -> Tuned:
        """Go through the stages; raises what opening or asking raises."""
        slices = ROUNDS * (sum(1 + len(stage.changes) for stage in stages) + 2)
        found: dict[str, Sequence[Trial]] = {}
        best = start
        for stage in stages:
            candidates = {replace(best, **change): None for change in stage.changes}
            candidates.pop(best, None)
            if candidates:
                found[stage.name] = self._compared(stage.name, [best, *candidates], slices)
                best = next(trial.knobs for trial in found[stage.name] if trial.kept)
        if best != start:
            found["all"] = self._compared("all", [start, best], slices)
            best = next(trial.knobs for trial in found["all"] if trial.kept)
        return Tuned(start, best, found)

    def _compared(self, name: str, candidates: Sequence[Knobs], slices: int) -> list[Trial]:
        """Try the first against the others; one is kept."""
        self.tell(name)
        asks = [self.opened(knobs) for knobs in candidates]
        for ask in asks:
            ask(self.pictures[0])  # the first run of a session is a slow one
        paces: list[list[Pace]] = [[] for _ in candidates]
        for turn in range(ROUNDS):
            for place in range(len(candidates)):
                which = (place + turn) % len(candidates)  # nobody is always first
                share = self.seconds / slices
                paces[which].append(self.measure(asks[which], self.pictures, CALLERS, share))
        weight = _WEIGHTS[self.goal]
        gains = [[_gain(a, b, weight) for a, b in zip(paces[0], own, strict=True)] for own in paces]
        trials = [Trial(candidates[0], paces[0])]
        trials += map(Trial, candidates[1:], paces[1:], gains[1:])
        better = [trial for trial in trials if trial.verdict == "better"]
        best = max(better, key=lambda trial: trial.gain, default=trials[0])
        return [replace(trial, kept=trial is best) for trial in trials]


def _gain(before: Pace, after: Pace, weight: float) -> float:
    """Return the geometric mean of how much more is answered, and how much sooner."""
    more, sooner = after.rate / before.rate, before.milliseconds / after.milliseconds
    return math.exp(weight * math.log(more) + (1 - weight) * math.log(sooner))


def stages_for(
    knobs: Knobs, *, tiers: Sequence[str | None], cores: int, on_gpu: bool = False
) -> list[Stage]:
    """Return what is worth trying on a machine.

    Args:
        knobs: Where the sweep begins.
        tiers: That may be the best one; None is the bundle's first.
        cores: That this process may use.
        on_gpu: The encoder runs on a device, which makes one run at a time and in its own way:
            threads, lanes, spinning and variants are then nothing to choose.
    """

    def some(count: int) -> int | None:
        return None if max(1, count) == cores else max(1, count)

    around = [
        Stage("batch", [{"max_batch": most} for most in (CALLERS // 4, CALLERS // 2)]),
        Stage("decoding", [{"decode_threads": some(n)} for n in (cores // 2, cores, 2 * cores)]),
    ]
    if on_gpu:
        return around
    lanes = [(None, None), (None, 1), (some(cores // 2), 2), (some(1), cores)]
    return [
        Stage("tier", [{"best_tier": name} for name in tiers]),
        Stage("lanes", [{"threads": threads, "lanes": count} for threads, count in lanes]),
        Stage("spinning", [{"spinning": not knobs.spinning}]),
        *around,
    ]
