"""A comparison in figures: Comparison -> lines of text -> a table on terminal or page."""

from dataclasses import dataclass

from rich.table import Table

from model_export.compare import BATCHES, Comparison
from model_export.sides import Side


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of both sides, and what B makes of A's."""

    what: str
    a: str
    b: str
    change: str = ""


def lines(comparison: Comparison) -> list[Line]:
    """Write every figure as text."""
    (side_a, side_b), (a, b) = comparison.sides, comparison.figures
    change = comparison.p1_change
    p1 = Line("P@1", "no labels", "no labels")
    if a.p1 is not None and b.p1 is not None and change is not None:
        points = f"{100 * change.value:+.1f} ± {100 * change.margin:.1f} pts"
        p1 = Line("P@1", f"{a.p1:.3f}", f"{b.p1:.3f}", points)
    overlap = f"{comparison.overlap:.3f}"
    cosines = comparison.cosines
    told = f"{cosines.mean:.4f}, 99 % over {cosines.first_percentile:.4f}" if cosines else ""
    rates = zip(BATCHES, a.images_per_second, b.images_per_second, strict=True)
    return [
        p1,
        Line(f"overlap@{comparison.neighbours}", "", "", overlap),
        *([Line("cosine", "", "", told)] if cosines else []),
        *(
            Line(
                f"images/s, batch {batch}",
                f"{rate_a:,.1f}",
                f"{rate_b:,.1f}",
                _ratio(rate_a, rate_b),
            )
            for batch, rate_a, rate_b in rates
        ),
        _sizes("graph and weights, MB", a.tier_megabytes, b.tier_megabytes),
        _sizes("whole bundle, MB", a.bundle_megabytes, b.bundle_megabytes),
        Line("dimensions", str(side_a.encoder.manifest.dim), str(side_b.encoder.manifest.dim)),
        Line("tier", _tier(side_a), _tier(side_b)),
        Line("tiers there are", _tiers(side_a), _tiers(side_b)),
        Line("model", _model(side_a), _model(side_b)),
    ]


def table(comparison: Comparison) -> Table:
    """Return the figures for a terminal."""
    a, b = comparison.sides
    shown = Table("", f"A: {a.name}", f"B: {b.name}", "B against A")
    for line in lines(comparison):
        shown.add_row(line.what, line.a, line.b, line.change)
    return shown


def _sizes(what: str, a: float, b: float) -> Line:
    return Line(what, f"{a:,.2f}", f"{b:,.2f}", _ratio(a, b))


def _ratio(a: float, b: float) -> str:
    return f"x {b / a:.2f}"


def _tier(side: Side) -> str:
    tier = side.encoder.tier
    # Not all of it is known of graphs that were made elsewhere.
    facts: list[tuple[str, object]] = [
        ("patch {}", tier.patch),
        ("{} tokens", tier.tokens),
        ("{:g} GFLOP", tier.gflops),
    ]
    told = [tier.precision, *(text.format(fact) for text, fact in facts if fact is not None)]
    return f"{tier.name or tier.file}: {', '.join(told)}"


def _tiers(side: Side) -> str:
    return ", ".join(tier.name or tier.file for tier in side.encoder.manifest.image.tiers)


def _model(side: Side) -> str:
    manifest = side.encoder.manifest
    return f"{manifest.name} {manifest.version} ({manifest.licence})"
