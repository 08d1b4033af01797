"""Label vocabularies: the names a source gives to the classes a task knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TASKS = ("article_type", "colour", "gender", "product")


class DataError(ValueError):
    """Pictures or labels that cannot be trained on; the message says why."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One task's labels, and the classes each stands for.

    Attributes:
        labels: Every name seen, sorted.
        classes: Names that are a class of their own, sorted.
        allowed: (labels, classes) bool, at least one class a label.
    """

    labels: tuple[str, ...]
    classes: tuple[str, ...]
    allowed: NDArray[np.bool_]


def build_vocabulary(
    labels: Iterable[str], aliases: Mapping[str, tuple[str, ...]] | None = None
) -> Vocabulary:
    """Collect a vocabulary; a label in `aliases` stands for those classes that exist.

    Args:
        labels: All labels of the task, repeats allowed.
        aliases: A label to the names of the classes it covers.

    Raises:
        DataError: An alias covers no class that any source has.
    """
    aliases = aliases or {}
    names = tuple(sorted(set(labels)))
    classes = tuple(name for name in names if name not in aliases)
    allowed = np.zeros((len(names), len(classes)), dtype=np.bool_)
    for row, name in enumerate(names):
        covered = aliases.get(name, (name,))
        allowed[row] = [cls in covered for cls in classes]
        if not allowed[row].any():
            types = ", ".join(covered)
            raise DataError(f"label {name!r} stands for {types}, none of which any source has")
    return Vocabulary(names, classes, allowed)
