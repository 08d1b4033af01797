"""What a training run left behind -> its configuration, as a column of the model card."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training import checkpoint as checkpoints
from training.checkpoint import CheckpointError
from training.config import RunConfig
from training.evaluate_tables import Figures


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run.

    Attributes:
        name: Of its folder.
        facts: What decided its outcome, and how far it came, by name.
    """

    name: str
    facts: Mapping[str, str]


def image_run(folder: Path) -> RunFacts:
    """Read `checkpoint.pt` of an image run.

    Raises:
        CheckpointError: It is missing, damaged, or of another Vitrine.
    """
    state = checkpoints.load(folder / "checkpoint.pt")
    facts = {
        "steps": f"{state.step:,} of {len(state.config.steps()):,}",
        "data digest": f"`{state.data[:12]}`",
        "parameters of the tower": _millions(state.ema),
        "classes": ", ".join(f"{t} {len(names):,}" for t, names in state.classes.items()) or "none",
        **_config_facts(state.config),
    }
    return RunFacts(folder.name, facts)


def text_run(folder: Path) -> RunFacts:
    """Read `text.pt` of a text tower's run.

    Raises:
        CheckpointError: It is missing, damaged, or of another Vitrine.
    """
    path = folder / "text.pt"
    if not path.is_file():
        raise CheckpointError(f"no text tower at {path}")
    try:
        raw: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        config, weights = json.loads(raw["config"]), raw["model"]
    except Exception as exc:  # what torch raises on a damaged file has no name of its own
        raise CheckpointError(f"{path} is not a text tower of Vitrine, or is damaged") from exc
    shape = config.pop("text", {})
    steps = config.pop("steps", None)
    done = raw.get("step")
    facts = {
        "steps": f"{done:,} of {steps:,}" if done is not None and steps else "unknown",
        "parameters of the tower": _millions(weights),
        "model": _pairs(shape),
        **{name.replace("_", " "): str(value) for name, value in config.items()},
    }
    return RunFacts(folder.name, facts)


def runs_table(runs: list[RunFacts]) -> Figures:
    """Show runs side by side, a fact a row."""
    names = dict.fromkeys(name for run in runs for name in run.facts)
    rows = [(name, *(run.facts.get(name, "") for run in runs)) for name in names]
    return Figures("runs", ("", *(run.name for run in runs)), rows)


def _config_facts(config: RunConfig) -> dict[str, str]:
    phases = "; ".join(
        f"{phase.images:,} pictures of {phase.size or config.model.size} px at patches "
        + _weighted(phase.patches)
        + (f", students {_weighted(phase.students)}" if phase.students else "")
        for phase in config.phases
    )
    raw = asdict(config)
    special = {"model": _pairs(raw.pop("model")), "phases": phases}
    del raw["phases"]
    raw["tiers"] = ", ".join(map(str, config.tiers))
    return special | {name.replace("_", " "): str(value) for name, value in raw.items()}


def _weighted(patches: tuple[tuple[int, float], ...]) -> str:
    if len(patches) == 1:
        return str(patches[0][0])
    return ", ".join(f"{patch} (weight {weight:g})" for patch, weight in patches)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


def _millions(weights: Mapping[str, torch.Tensor]) -> str:
    return f"{sum(weight.numel() for weight in weights.values()) / 1e6:.2f} million"
