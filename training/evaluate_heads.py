"""What a bundle's heads say of held-out pictures, and how far their confidence can be believed.

held-out rows, reporting half -> tier -> heads -> (right?, confidence) -> accuracy, ECE
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from service.core.manifest import Head
from service.core.tasks import Item
from service.pipeline.evaluate import decoded_batches
from training.calibration_error import expected_calibration_error
from training.evaluate_encoders import NamingEncoder, Probabilities
from training.sources import Example, Source
from training.splits import calibration_half


@dataclass(frozen=True, slots=True)
class Judged:
    """What a head is worth on some rows, 0-1.

    Attributes:
        rows: Pictures that have a label.
        ece: Expected calibration error of the likeliest label, 15 bins.
    """

    rows: int
    accuracy: float
    ece: float


@dataclass(frozen=True, slots=True)
class HeadResult:
    """One head of one tier.

    Attributes:
        figures: On all rows.
        unknown: Rows whose label the head does not have; they count as wrong.
        by_source: The same figures by source.
    """

    tier: str
    head: str
    figures: Judged
    unknown: int
    by_source: dict[str, Judged]


@dataclass(frozen=True, slots=True)
class _Answers:
    """A head's answers on one source: (n,) each."""

    confidence: NDArray[np.float32]
    right: NDArray[np.bool_]
    unknown: int


def reporting_rows(source: Source, limit: int | None = None) -> Iterator[Example]:
    """Yield the held-out examples that calibration leaves alone, the first `limit` of them."""
    rows = (e for e in source.examples() if e.held_out and not calibration_half(e.id))
    return islice(rows, limit)


def evaluate_heads(
    sources: Sequence[Source],
    encoders: Mapping[str, NamingEncoder],
    limit: int | None = None,
) -> list[HeadResult]:
    """Measure every head of every tier; a head that no source has labels for is left out.

    A label that stands for several classes is met by any of them.

    Args:
        sources: Their reporting rows are used.
        encoders: By the name of the tier.
        limit: Rows of each source at most.

    Raises:
        InvalidImageError: A picture cannot be decoded.
    """
    rows = {source.name: list(reporting_rows(source, limit)) for source in sources}
    results = []
    for tier, encoder in encoders.items():
        if not encoder.manifest.heads:
            continue
        said = {name: _classified(examples, encoder) for name, examples in rows.items() if examples}
        for head in encoder.manifest.heads:
            answers = {}
            for source in sources:
                if source.name in said:
                    probabilities = said[source.name][head.name]
                    found = _answers(head, source, rows[source.name], probabilities)
                    if len(found.right):
                        answers[source.name] = found
            if answers:
                results.append(_result(tier, head, answers))
    return results


def _classified(examples: Sequence[Example], encoder: NamingEncoder) -> Probabilities:
    items = (Item(example.id, example.data, ()) for example in examples)
    batches = [
        encoder.classify(pixels)[1]
        for _, pixels in decoded_batches(items, encoder.manifest.preprocess)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _answers(
    head: Head, source: Source, examples: Sequence[Example], probabilities: NDArray[np.float32]
) -> _Answers:
    meanings = source.stands_for.get(head.name, {})
    confidence, right, unknown = [], [], 0
    for example, row in zip(examples, probabilities, strict=True):
        if head.name not in example.labels:
            continue
        label = example.labels[head.name]
        allowed = meanings.get(label, (label,))
        best = int(row.argmax())
        confidence.append(row[best])
        right.append(head.labels[best] in allowed)
        unknown += not set(allowed) & set(head.labels)
    return _Answers(np.array(confidence, np.float32), np.array(right, np.bool_), unknown)


def _result(tier: str, head: Head, answers: Mapping[str, _Answers]) -> HeadResult:
    confidence = np.concatenate([a.confidence for a in answers.values()])
    right = np.concatenate([a.right for a in answers.values()])
    return HeadResult(
        tier=tier,
        head=head.name,
        figures=_judged(confidence, right),
        unknown=sum(a.unknown for a in answers.values()),
        by_source={name: _judged(a.confidence, a.right) for name, a in answers.items()},
    )


def _judged(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> Judged:
    return Judged(len(right), float(right.mean()), expected_calibration_error(confidence, right))
