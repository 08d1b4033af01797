"""What `annotate` found, for people: report.md and curve.png in a folder.

WeakLabels + documents + targets + agreement -> write_report -> report.md, curve.png
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.agreement import Agreement
from training.terms import Document
from training.weak_labels import WeakLabels, sampling_weights

_EXAMPLES = 25
_TEXT = 160


def write_report(
    folder: Path,
    weak: WeakLabels,
    documents: Sequence[Document],
    targets: Sequence[Mapping[int, float]],
    agreements: Sequence[Agreement] = (),
) -> None:
    """Write report.md and curve.png.

    Args:
        folder: Exists.
        weak: The labels.
        documents: The text of n products.
        targets: Their labels.
        agreements: With attributes that the text did not tell.
    """
    counts = label_counts(targets, len(weak.labels))
    drawn = np.zeros(len(weak.labels))
    for target, weight in zip(targets, sampling_weights(targets, len(weak.labels)), strict=True):
        drawn[list(target)] += weight * len(targets)
    _draw_curve(folder / "curve.png", counts, drawn)
    parts = [
        "# Weak labels",
        _summary(weak, counts, targets),
        "![How often each label occurs, and is drawn](curve.png)",
        *([agreement_table(agreements), *map(_worst, agreements)] if agreements else []),
        "## Examples",
        _examples(weak, documents, targets),
        "## Labels",
        _clusters(weak, counts, drawn),
    ]
    (folder / "report.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def label_counts(targets: Sequence[Mapping[int, float]], labels: int) -> NDArray[np.int64]:
    """Return how many products have each label, (labels,)."""
    numbers = [label for target in targets for label in target]
    return np.bincount(np.array(numbers, dtype=np.int64), minlength=labels)


def agreement_table(agreements: Sequence[Agreement]) -> str:
    """Return precision and recall as a Markdown table, which a terminal shows well too."""
    lines = [
        "| attribute | classes | with a label | products of these | precision | recall |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(a.attribute)} | {a.classes} | {len(a.by_class)} | {_share(a.named, a.known)} "
        f"| {a.precision:.1%} | {a.recall:.1%} |"
        for a in agreements
    ]
    return "\n".join(lines)


def _summary(
    weak: WeakLabels, counts: NDArray[np.int64], targets: Sequence[Mapping[int, float]]
) -> str:
    covered = sum(map(bool, targets))
    each = counts.sum() / max(covered, 1)
    first, middle, last = counts.max(), int(np.median(counts)), counts.min()
    return (
        f"- {len(targets):,} products; {_share(covered, len(targets))} have a label, "
        f"{each:.1f} each\n"
        f"- {len(weak.labels):,} labels from {len(weak.vocabulary):,} terms\n"
        f"- the first label has {first:,} products, the middle one {middle:,}, the last {last:,}"
    )


def _worst(agreement: Agreement) -> str:
    told = [
        f"{_cell(c.label)} as {_cell(c.name)} {c.right / c.found:.0%} of {c.found:,}"
        for c in agreement.worst
    ]
    return f"Most often wrong of {_cell(agreement.attribute)}: {'; '.join(told) or 'none'}."


def _examples(
    weak: WeakLabels, documents: Sequence[Document], targets: Sequence[Mapping[int, float]]
) -> str:
    lines = ["| text | labels |", "|---|---|"]
    for i in np.linspace(0, len(documents) - 1, min(_EXAMPLES, len(documents))).astype(int):
        found = [f"{_cell(weak.labels[n])} {weight:.2f}" for n, weight in targets[i].items()]
        lines.append(f"| {_cell(' / '.join(documents[i].values()))} | {', '.join(found)} |")
    return "\n".join(lines)


def _clusters(weak: WeakLabels, counts: NDArray[np.int64], drawn: NDArray[np.float64]) -> str:
    members: dict[int, list[str]] = defaultdict(list)
    for term, (label, weight) in weak.terms.items():
        if term != weak.labels[label]:
            members[label].append(f"{term} {weight:.2f}" if weight < 1 else term)
    lines = ["| label | products | drawn | terms that join it |", "|---|---|---|---|"]
    lines += [
        f"| {_cell(head)} | {counts[i]:,} | {drawn[i]:,.0f} | {_cell(', '.join(members[i]))} |"
        for i, head in enumerate(weak.labels)
    ]
    return "\n".join(lines)


def _draw_curve(path: Path, counts: NDArray[np.int64], drawn: NDArray[np.float64]) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ranks = np.arange(1, len(counts) + 1)
    order = np.argsort(-counts, kind="stable")
    # A label that longer terms always take away has no products, and no logarithm.
    axes.loglog(ranks, np.maximum(counts[order], 0.5), label="products with the label")
    axes.loglog(ranks, np.maximum(drawn[order], 0.5), label="drawn in an epoch", alpha=0.7)
    axes.set(xlabel="label, by frequency", ylabel="products", title="Head and tail")
    axes.legend()
    axes.grid(visible=True, which="both", alpha=0.2)
    figure.savefig(path, dpi=120)


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"


def _cell(text: str) -> str:
    """Catalogue text inside a Markdown table: one line, no pipes or markup, not too long."""
    text = " ".join(text.split())
    text = text if len(text) <= _TEXT else f"{text[:_TEXT]}…"
    return "".join(f"\\{c}" if c in "\\|`*_<>[]" else c for c in text)
