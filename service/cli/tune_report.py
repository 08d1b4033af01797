"""What a sweep of `vitrine tune` found, as a table, as JSON and as a file of settings."""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from service.core.manifest import Tier
from service.pipeline.tuning import CALLERS, LEAST_GAIN, ROUNDS, Knobs, Trial, Tuned
from service.settings import Settings
from service.settings_file import settings_lines

MARK = "# Written by `vitrine tune`"


def table(tuned: Tuned) -> Table:
    """Return what was tried, stage by stage, each as it differs; a star is before what was kept."""
    rows = Table(
        "stage",
        "settings",
        f"images/s, {CALLERS} callers",
        "p50 ms, one caller",
        "gain",
        "",
        title=f"medians (least-most) of {ROUNDS} rounds",
    )
    for stage, trials in tuned.stages.items():
        for place, trial in enumerate(trials):
            name = _difference(trials[0].knobs, trial.knobs) if place else "as it is by then"
            rows.add_row(
                "" if place else stage,
                f"{'*' if trial.kept else ' '} {name}",
                _spread([pace.rate for pace in trial.paces], ".1f"),
                _spread([pace.milliseconds for pace in trial.paces], ".2f"),
                _spread(trial.gains, ".2f") if trial.gains else "",
                trial.verdict,
                end_section=place == len(trials) - 1,
            )
    return rows


def tier_costs(variants: Sequence[Tier]) -> Iterator[str]:
    """Yield what each variant costs in quality, as its bundle says."""
    for tier in variants:
        gate = tier.gate
        if gate is None:
            continue
        cost = f"top-10 agreement {gate.top10_agreement:.1%}"
        if gate.p_at_1_change is not None and gate.p_at_1_error is not None:
            change, error = 100 * gate.p_at_1_change, 100 * gate.p_at_1_error
            cost = f"P@1 {change:+.1f} ± {error:.1f} points, {cost}"
        yield f"{tier.name} in place of {gate.of}: {cost}, over {gate.pictures:,} pictures"


def as_json(tuned: Tuned, machine: str, variants: Sequence[Tier], out: Path) -> str:
    """Return all of it."""
    body = {
        "machine": machine,
        "start": asdict(tuned.start),
        "best": asdict(tuned.best),
        "changed": tuned.changed,
        "file": str(out),
        "stages": {name: [_trial(trial) for trial in each] for name, each in tuned.stages.items()},
        "variants": {t.name: t.gate.model_dump() for t in variants if t.gate},
    }
    return json.dumps(body, indent=2)


def conclusion(tuned: Tuned) -> Sequence[str]:
    """Return what came of it, in a few lines."""
    if not tuned.changed:
        return [
            f"nothing is better in each of {ROUNDS} rounds and by {LEAST_GAIN - 1:.0%}:",
            "what differs is within noise, and the settings stay as they are",
        ]
    before, after = tuned.stages["all"]
    lines = [f"better: {_difference(tuned.start, tuned.best)}"]
    for name, trial in (("before", before), ("now", after)):
        rate = statistics.median(pace.rate for pace in trial.paces)
        milliseconds = statistics.median(pace.milliseconds for pace in trial.paces)
        lines.append(
            f"{name}: {rate:.1f} images/s of {CALLERS} callers, {milliseconds:.2f} ms of one"
        )
    return lines


def file_text(tuned: Tuned, measured: str) -> str:
    """Return a file of the settings that are not the defaults."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    values = {name: v for name, v in asdict(tuned.best).items() if v != defaults[name]}
    lines = [f"{MARK}: {measured}.", *(f"# {line}" for line in conclusion(tuned))]
    return "\n".join([*lines, *settings_lines(values), ""])


def _difference(before: Knobs, after: Knobs) -> str:
    was = asdict(before)
    changed = {name: value for name, value in asdict(after).items() if value != was[name]}
    return ", ".join(f"{name} {_text(value)}" for name, value in changed.items())


def _text(value: Any) -> str:
    if value is None:
        return "by default"
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _spread(values: Sequence[float], form: str) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:{form}} ({least:{form}}-{most:{form}})"


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "settings": asdict(trial.knobs),
        "images_per_second": [round(pace.rate, 2) for pace in trial.paces],
        "p50_ms": [round(pace.milliseconds, 3) for pace in trial.paces],
        "gains": [round(gain, 4) for gain in trial.gains],
        "gain": round(trial.gain, 4),
        "verdict": trial.verdict,
        "kept": trial.kept,
    }
