"""What the model is meant to reach, written down before it was measured."""

from collections.abc import Callable
from dataclasses import dataclass

from training.evaluate_report import AimResult, Evaluation

Figure = Callable[[Evaluation], float | None]
FAST = ("fast-int8", "fast")
"""The fast tier: in int8 where the bundle has it so, as one in a hurry would run it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure and what it should be.

    Attributes:
        figure: Reads it off an evaluation; None where it was not measured.
        at_least: Whether more is better.
    """

    name: str
    figure: Figure
    threshold: float
    at_least: bool = True


def _p1(task: str, label: str | None = None, query: str = "best", index: str = "best") -> Figure:
    def figure(evaluation: Evaluation) -> float | None:
        for found in evaluation.retrieval:
            if (found.result.name, found.query_tier, found.index_tier) == (task, query, index):
                return found.result.p1_by_label[label] if label else found.result.p1
        return None

    return figure


def _fast(evaluation: Evaluation) -> str:
    present = {cost.tier for cost in evaluation.tiers}
    return next((name for name in FAST if name in present), FAST[-1])


def _worst_loss_of_fast(evaluation: Evaluation) -> float | None:
    losses = []
    for task in {found.result.name for found in evaluation.retrieval}:
        best, fast = _p1(task)(evaluation), _p1(task, query=_fast(evaluation))(evaluation)
        if best is not None and fast is not None:
            losses.append(100 * (best - fast))
    return max(losses, default=None)


def _cost_of_fast(evaluation: Evaluation) -> float | None:
    name = _fast(evaluation)
    return next((cost.ratio for cost in evaluation.tiers if cost.tier == name), None)


def _category_ece(evaluation: Evaluation) -> float | None:
    heads = (h for h in evaluation.heads if (h.tier, h.head) == ("best", "category"))
    return next((head.figures.ece for head in heads), None)


AIMS = (
    Aim("catalogue: article type P@1", _p1("catalogue", "article_type"), 0.90),
    Aim("catalogue: base colour P@1", _p1("catalogue", "base_colour"), 0.65),
    Aim("catalogue: type, colour and gender P@1", _p1("catalogue"), 0.55),
    Aim("street: P@1", _p1("street"), 0.60),
    Aim("shelf: P@1", _p1("shelf"), 0.70),
    Aim("text: P@10", lambda e: e.text.p10 if e.text else None, 0.60),
    Aim("fast query on best index: points of P@1 lost, worst task", _worst_loss_of_fast, 5, False),
    Aim("fast: time of a picture over best's", _cost_of_fast, 1 / 3, False),
    Aim("category head: calibration error", _category_ece, 0.05, False),
    Aim("bundle: MB", lambda e: e.bundle.megabytes, 40, False),
)


def judged(evaluation: Evaluation) -> list[AimResult]:
    """Hold the figures against the aims."""
    return [AimResult(a.name, a.figure(evaluation), a.threshold, a.at_least) for a in AIMS]
