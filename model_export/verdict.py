"""What the gate decides: figures of the candidates -> the fastest that may pass, or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from model_export.bundle import ExportError
from service.core.gate import Gate, Quality, Rate


class GateError(ExportError):
    """Variants that lose more than they may, or gain nothing; a line for each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a change may cost.

    Attributes:
        p_at_1_loss: Of the share of pictures whose nearest has their label.
        top10_loss: Of the ten nearest, the share that may differ.
        keep_slower: Whether a variant may be slower than its tier, for another machine's sake.
    """

    p_at_1_loss: float = 0.005
    top10_loss: float = 0.02
    keep_slower: bool = False


def choose(name: str, gates: Mapping[str, Gate], limits: Limits) -> Gate:
    """Return the fastest candidate that may pass.

    Args:
        name: Of the variant.
        gates: Its candidates, by recipe.
        limits: What it may cost.

    Raises:
        GateError: None may, with the figures of the one that comes nearest.
    """
    if not gates:
        raise GateError(f"{name} is refused: it makes vectors of no finite numbers")
    passing = [gate for gate in gates.values() if not complaints(gate, limits)]
    if passing:
        return max(passing, key=speedup)
    best = max(gates.values(), key=lambda gate: (not losses(gate, limits), gate.top10_agreement))
    raise GateError(refusal(name, best, limits))


def refusal(name: str, gate: Gate, limits: Limits) -> str:
    """Say in one line why a variant is refused."""
    return f"{name} is refused: {'; '.join(complaints(gate, limits))} ({describe(gate)})"


def complaints(gate: Gate, limits: Limits) -> list[str]:
    """Return what stands against a variant: what it loses, and that it is no faster."""
    slower = [rate for rate in gate.rates if rate.after <= rate.before]
    if limits.keep_slower or not slower:
        return losses(gate, limits)
    rates = ", ".join(_rate(rate) for rate in slower)
    return [*losses(gate, limits), f"it is not faster, at {rates} (--keep-slower takes it)"]


def losses(quality: Quality, limits: Limits) -> list[str]:
    """Return how a change costs more than it may."""
    found = []
    change = quality.p_at_1_change
    if change is not None and -change > limits.p_at_1_loss + 1e-9:
        limit = 100 * limits.p_at_1_loss
        found.append(
            f"P@1 loses {-100 * change:.2f} points of at most {limit:g} (--max-quality-loss)"
        )
    if quality.top10_agreement < 1 - limits.top10_loss - 1e-9:
        loss, limit = 100 * (1 - quality.top10_agreement), 100 * limits.top10_loss
        found.append(
            f"{loss:.2f} % of the top 10 differ, of at most {limit:g} % (--max-top10-loss)"
        )
    return found


def speedup(gate: Gate) -> float:
    """Return how many times faster than its tier, the geometric mean over batches; 0 untimed."""
    ratios = [rate.after / rate.before for rate in gate.rates]
    return prod(ratios) ** (1 / len(ratios)) if ratios else 0.0


def describe(gate: Gate) -> str:
    """Write a variant's figures in one line."""
    rates = ", ".join(_rate(rate) for rate in gate.rates)
    timed = f"{rates} on {gate.timed_on}" if rates else "not timed: this machine has no CUDA"
    return (
        f"{gate.recipe}: {describe_quality(gate)}, cosine {gate.cosine_mean:.5f}, "
        f"99 % over {gate.cosine_p1:.5f}; images/s {timed}"
    )


def describe_quality(quality: Quality) -> str:
    """Write how retrieval changed in one line."""
    if quality.p_at_1 is None or quality.p_at_1_change is None:
        p_at_1 = "P@1 not measured without labels"
    else:
        p_at_1 = (
            f"P@1 {100 * quality.p_at_1:.1f} % {100 * quality.p_at_1_change:+.2f} points "
            f"(standard error {100 * (quality.p_at_1_error or 0):.2f}) "
            f"over {quality.labelled:,} pictures"
        )
    return f"{p_at_1}, top-10 agreement {100 * quality.top10_agreement:.2f} %"


def _rate(rate: Rate) -> str:
    ratio = rate.after / rate.before
    return f"{rate.before:,.1f} -> {rate.after:,.1f} ({ratio:.2f}x) at batch {rate.batch}"
