"""An evaluation as tables: one set of rows, which a terminal and a model card both show."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from training.evaluate_report import AimResult, Evaluation

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """A table: its title, names of the columns, and rows of as many cells."""

    title: str
    columns: Row
    rows: Sequence[Row]

    def rich(self) -> Table:
        """For a terminal."""
        table = Table(*self.columns, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a document, without the title."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def aims_table(evaluation: Evaluation) -> Figures:
    """Every aim, and by how much it was met or missed."""
    rows = [
        (
            aim.name,
            f"{'>=' if aim.at_least else '<='} {aim.threshold:.4g}",
            "not measured" if aim.figure is None else f"{aim.figure:.3f}",
            _verdict(aim),
        )
        for aim in evaluation.aims
    ]
    return Figures("aims", ("aim", "asked", "measured", "verdict"), rows)


def _verdict(aim: AimResult) -> str:
    if aim.margin is None:
        return "-"
    return f"{'met' if aim.margin >= 0 else 'MISSED'} by {abs(aim.margin):.3f}"


def tables_of(evaluation: Evaluation) -> list[Figures]:
    """All that was measured, a table a subject; what was not measured has no table."""
    tables = [_retrieval(evaluation), _text(evaluation), _heads(evaluation)]
    tables += [_matches(evaluation), _tiers(evaluation)]
    return [table for table in tables if table.rows]


def _retrieval(evaluation: Evaluation) -> Figures:
    rows = []
    for found in evaluation.retrieval:
        result = found.result
        labels = ", ".join(f"{name} {value:.3f}" for name, value in result.p1_by_label.items())
        counts = (f"{result.queries:,}", f"{result.gallery:,}")
        values = (result.p1, result.p5, result.map50, result.chance)
        figures = (f"{value:.3f}" for value in values)
        rows.append((result.name, found.query_tier, found.index_tier, *counts, *figures, labels))
    columns = ("task", "query", "index", "queries", "gallery", "P@1", "P@5", "mAP@50", "chance")
    return Figures("retrieval, by tier of query and index", (*columns, "P@1 by label"), rows)


def _text(evaluation: Evaluation) -> Figures:
    columns = ("queries", "gallery", "P@10", "most there could be", "share of that")
    text, rows = evaluation.text, []
    if text:
        figures = (text.p10, text.ceiling, text.normalised)
        counts = (f"{text.queries:,}", f"{text.gallery:,}")
        rows.append((*counts, *(f"{figure:.3f}" for figure in figures)))
    return Figures('text to picture, "colour type"', columns, rows)


def _heads(evaluation: Evaluation) -> Figures:
    columns = ("head", "tier", "rows", "accuracy", "ECE", "unknown", "accuracy / ECE by source")
    rows = [
        (
            found.head,
            found.tier,
            f"{found.figures.rows:,}",
            f"{found.figures.accuracy:.3f}",
            f"{found.figures.ece:.3f}",
            str(found.unknown),
            ", ".join(f"{s} {j.accuracy:.3f} / {j.ece:.3f}" for s, j in found.by_source.items()),
        )
        for found in sorted(evaluation.heads, key=lambda h: h.head)
    ]
    return Figures("heads", columns, rows)


def _matches(evaluation: Evaluation) -> Figures:
    columns = ("queries", "pairs", "same product", "ECE", "Brier")
    found, rows = evaluation.matches, []
    if found:
        figures = (f"{value:.3f}" for value in (found.same, found.ece, found.brier))
        rows.append((f"{found.queries:,}", f"{found.pairs:,}", *figures))
    return Figures("P(same product) of the ten nearest", columns, rows)


def _tiers(evaluation: Evaluation) -> Figures:
    columns = ("tier", "patch", "tokens", "ms a picture", "over the first", "graph, MB")
    rows = [
        (
            cost.tier,
            str(cost.patch or "-"),
            str(cost.tokens or "-"),
            f"{cost.milliseconds:.2f}",
            f"{cost.ratio:.2f}",
            f"{cost.megabytes:.2f}",
        )
        for cost in evaluation.tiers
    ]
    return Figures(f"tiers, {evaluation.machine}", columns, rows)
