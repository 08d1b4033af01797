"""Do the labels found in text agree with attributes that the text was not allowed to use?

WeakLabels.targets + true values of an attribute -> agreement -> precision, recall, worst class
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.term_clusters import endings
from training.terms import spell, tokenise
from training.weak_labels import WeakLabels

_SURE = 0.5
_WORST = 5
_WORST_FOUND = 20
_ENDING = 2
"""Letters that a class may differ by; with three, "Kurta Sets" would be "kurtas"."""


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """One true class and the label that is named like it.

    Attributes:
        name: The class.
        label: The label.
        found: Products with the label whose class is known.
        right: Those of them that are of the class.
    """

    name: str
    label: str
    found: int
    right: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How labels found in text agree with one attribute.

    Attributes:
        attribute: Its name.
        classes: How many it has.
        known: Products of which it is known.
        named: Products whose class has a label named like it.
        by_class: The classes with a label, that of most products first.
    """

    attribute: str
    classes: int
    known: int
    named: int
    by_class: tuple[ClassAgreement, ...]

    @property
    def precision(self) -> float:
        """Of the labels found, the share that is right, 0..1."""
        return sum(c.right for c in self.by_class) / max(sum(c.found for c in self.by_class), 1)

    @property
    def recall(self) -> float:
        """Of the products of known class, the share whose label was found, 0..1."""
        return sum(c.right for c in self.by_class) / max(self.known, 1)

    @property
    def worst(self) -> tuple[ClassAgreement, ...]:
        """The labels most often wrong, of those found often enough to tell."""
        told = [c for c in self.by_class if c.found >= _WORST_FOUND]
        return tuple(sorted(told, key=lambda c: c.right / c.found)[:_WORST])


def label_of(weak: WeakLabels, name: str) -> int | None:
    """Return the label that spells the name of a class, or nearly ("Tshirts": "t shirt").

    Not a label that the name only joined, as a tail term ("scarves", most of which are "solid").
    """
    runs = tokenise(name)
    if len(runs) != 1:
        return None
    compact = spell(runs[0]).replace(" ", "")
    near: list[tuple[int, int]] = []
    for term, (label, _) in weak.terms.items():
        spelling = term.replace(" ", "")
        if endings(weak.labels[label].replace(" ", ""), spelling) is None:
            continue
        if spelling == compact:
            return label
        parts = endings(spelling, compact)
        if parts is not None and len(parts[1]) <= _ENDING:
            near.append((len("".join(parts)), label))
    return min(near)[1] if near else None


def agreement(
    weak: WeakLabels,
    targets: Sequence[Mapping[int, float]],
    truth: Mapping[str, Sequence[str | None]],
) -> list[Agreement]:
    """Compare the labels of n products with what is known of them.

    Args:
        weak: The labels.
        targets: What `weak.targets` found in the text of each product, the attributes left out.
        truth: Attribute to its value for each product, None where it is not known.
    """
    return [_of_attribute(weak, targets, name, values) for name, values in truth.items()]


def _of_attribute(
    weak: WeakLabels,
    targets: Sequence[Mapping[int, float]],
    attribute: str,
    values: Sequence[str | None],
) -> Agreement:
    sizes = Counter(value for value in values if value is not None)
    labels = {name: label_of(weak, name) for name in sizes}
    found: Counter[int] = Counter()
    right: Counter[str] = Counter()
    for target, value in zip(targets, values, strict=True):
        if value is None:
            continue
        sure = {label for label, weight in target.items() if weight >= _SURE}
        found.update(sure)
        right[value] += labels[value] in sure
    by_class = tuple(
        ClassAgreement(name, weak.labels[label], found[label], right[name])
        for name, _ in sizes.most_common()
        if (label := labels[name]) is not None
    )
    named = sum(sizes[c.name] for c in by_class)
    return Agreement(attribute, len(sizes), sum(sizes.values()), named, by_class)
