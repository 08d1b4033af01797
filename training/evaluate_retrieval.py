"""The retrieval tasks, queries by one tier and index by another: tasks x pairs -> figures.

A phone embeds with the small tier what a server indexed with the large one: all tiers share one
space, and this says what that costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from service.core.tasks import Task
from service.core.types import Encoder
from service.pipeline.evaluate import TaskResult, evaluate_task

PAIRS = (("best", "best"), ("balanced", "best"), ("fast", "best"), ("fast", "fast"))
"""(tier of the query, tier of the index); every other tier asks the index of the best."""
_NAMED = {name for pair in PAIRS for name in pair}


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A task's figures for one pair of tiers."""

    query_tier: str
    index_tier: str
    result: TaskResult


def limited(task: Task, queries: int | None) -> Task:
    """Return the task with its first queries only; with all of them for None."""
    if queries is None:
        return task
    return replace(task, queries=lambda: islice(task.queries(), queries))


def evaluate_retrieval(
    tasks: Sequence[Task], encoders: Mapping[str, Encoder]
) -> tuple[list[Retrieval], list[str]]:
    """Measure every task for every pair of tiers that the bundle has.

    Args:
        tasks: What is asked.
        encoders: By the name of the tier.

    Returns:
        The figures, and a sentence for each pair that is left out.

    Raises:
        CatalogSourceError: A task's files cannot be read, or give no queries or no gallery.
        InvalidImageError: A picture cannot be decoded.
    """
    figures, skipped = [], []
    others = [(name, "best") for name in encoders if name not in _NAMED]
    for query_tier, index_tier in [*PAIRS, *others]:
        if missing := sorted({query_tier, index_tier} - encoders.keys()):
            skipped.append(
                f"queries of {query_tier} on an index of {index_tier}: "
                f"the bundle has no tier {', '.join(missing)}"
            )
            continue
        for task in tasks:
            result = evaluate_task(task, encoders[index_tier], encoders[query_tier])
            figures.append(Retrieval(query_tier, index_tier, result))
    return figures, skipped
