"""A run's state on disk: written beside its final name and renamed, so a kill leaves the last."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.config import RunConfig

SCHEMA = 1


class CheckpointError(Exception):
    """A checkpoint that cannot be used here; the message says why."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run needs to go on, and what export needs of a finished one."""

    config: RunConfig
    step: int
    model: dict[str, torch.Tensor]
    heads: dict[str, torch.Tensor]
    optimizer: dict[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at `path` as one."""
    beside = path.with_name(path.name + ".tmp")
    torch.save(
        {
            "schema": SCHEMA,
            "config": checkpoint.config.to_json(),
            "step": checkpoint.step,
            "model": checkpoint.model,
            "heads": checkpoint.heads,
            "optimizer": checkpoint.optimizer,
        },
        beside,
    )
    os.replace(beside, path)


def load(path: Path, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: It is missing, damaged, or of another Vitrine.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}: train one with `vitrine-train`")
    try:
        raw = torch.load(path, map_location=device, weights_only=True)
        schema = raw["schema"]
    except Exception as exc:
        raise CheckpointError(f"{path} is not a checkpoint of Vitrine, or is damaged") from exc
    if schema != SCHEMA:
        raise CheckpointError(f"{path} has schema {schema}, this Vitrine reads {SCHEMA}")
    try:
        config = RunConfig.from_json(raw["config"])
        return Checkpoint(config, raw["step"], raw["model"], raw["heads"], raw["optimizer"])
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(
            f"{path} was written by another version of Vitrine: use that one, or train anew ({exc})"
        ) from exc
