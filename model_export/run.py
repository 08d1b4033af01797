"""What a training run left: checkpoint.pt and calibration.json -> tower, heads and temperatures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_export.bundle import ExportError
from model_export.graph import HeadWeights
from training.checkpoint import Checkpoint
from training.vit import ViT

HEADS = ("category", "colour", "audience", "usage")
"""Tasks whose answers mean something to a shop; the other heads served training alone."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `calibration.json` says.

    Attributes:
        temperatures: Of the heads, by task.
        same_product: Cosine -> P(same product), a logistic curve: `slope` and `intercept`.
    """

    temperatures: Mapping[str, float] = field(default_factory=dict)
    same_product: dict[str, float] | None = None


def read_calibration(path: Path) -> Calibration:
    """Read `calibration.json`; a run that was not calibrated has none.

    Raises:
        ExportError: It is damaged.
    """
    if not path.exists():
        return Calibration()
    try:
        raw = json.loads(path.read_text())
        temperatures = {task: float(value) for task, value in raw["temperatures"].items()}
        same_product = {name: float(raw["same_product"][name]) for name in ("slope", "intercept")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ExportError(f"{path} cannot be read as a calibration: {exc!r}") from exc
    return Calibration(temperatures, same_product)


def tower_of(state: Checkpoint) -> ViT:
    """Return the tower with the averaged weights."""
    tower = ViT(state.config.model)
    tower.load_state_dict(state.ema)
    return tower.eval()


def heads_of(state: Checkpoint, temperatures: Mapping[str, float]) -> list[HeadWeights]:
    """Return those of `HEADS` that the run learnt."""
    return [
        HeadWeights(
            name=task,
            labels=tuple(state.classes[task]),
            proxies=state.heads[f"{task}.proxies"],
            temperature=temperatures.get(task, state.config.temperature),
        )
        for task in HEADS
        if f"{task}.proxies" in state.heads
    ]
