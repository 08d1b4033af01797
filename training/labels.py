"""Label vocabularies: the names that sources give to the classes a task knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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

    def numbers(self, names: Iterable[str | None]) -> NDArray[np.int64]:
        """Return the number of each label, -1 where it is None or unknown."""
        number = {name: i for i, name in enumerate(self.labels)}
        return np.array([-1 if n is None else number.get(n, -1) for n in names], dtype=np.int64)


def build_vocabulary(
    labels: Iterable[str], stands_for: Mapping[str, tuple[str, ...]] | None = None
) -> Vocabulary:
    """Collect a vocabulary; a label in `stands_for` means those classes of it that exist.

    Args:
        labels: All labels of the task, repeats allowed.
        stands_for: A label to the names of the classes it covers.

    Raises:
        DataError: A label stands for no class that any source has.
    """
    stands_for = stands_for or {}
    names = tuple(sorted(set(labels)))
    classes = tuple(name for name in names if name not in stands_for)
    allowed = np.zeros((len(names), len(classes)), dtype=np.bool_)
    for row, name in enumerate(names):
        covered = stands_for.get(name, (name,))
        allowed[row] = [cls in covered for cls in classes]
        if not allowed[row].any():
            types = ", ".join(covered)
            raise DataError(f"label {name!r} stands for {types}, none of which any source has")
    return Vocabulary(names, classes, allowed)
