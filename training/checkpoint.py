"""A run's state on disk: written beside its final name and renamed, so a kill leaves the last."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.config import RunConfig

SCHEMA = 2


class CheckpointError(Exception):
    """A checkpoint that cannot be used here; the message says why."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run needs to go on, and what export needs of a finished one.

    Attributes:
        config: Of the run.
        step: Steps behind it.
        model: Weights of the tower as they are trained.
        ema: Their moving average, which is exported.
        heads: Weights of the heads.
        optimizer: State of each optimiser.
        classes: The class names of each task, in the order of its proxies.
        data: Digest of what it was trained on.
    """

    config: RunConfig
    step: int
    model: dict[str, torch.Tensor]
    ema: dict[str, torch.Tensor]
    heads: dict[str, torch.Tensor]
    optimizer: list[dict[str, Any]]
    classes: Mapping[str, list[str]]
    data: str


def write_atomically(path: Path, value: object) -> None:
    """Save with torch beside the path, then put it in its place."""
    beside = path.with_name(path.name + ".tmp")
    torch.save(value, beside)
    os.replace(beside, path)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at `path` as one."""
    write_atomically(
        path,
        {
            "schema": SCHEMA,
            "config": checkpoint.config.to_json(),
            "step": checkpoint.step,
            "model": checkpoint.model,
            "ema": checkpoint.ema,
            "heads": checkpoint.heads,
            "optimizer": checkpoint.optimizer,
            "classes": dict(checkpoint.classes),
            "data": checkpoint.data,
        },
    )


def load(path: Path, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: It is missing, damaged, or of another Vitrine.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}: train one with `vitrine-train images`")
    try:
        raw = torch.load(path, map_location=device, weights_only=True)
        schema = raw.pop("schema")
    except Exception as exc:
        raise CheckpointError(f"{path} is not a checkpoint of Vitrine, or is damaged") from exc
    if schema != SCHEMA:
        raise CheckpointError(f"{path} has schema {schema}, this Vitrine reads {SCHEMA}")
    try:
        return Checkpoint(**{**raw, "config": RunConfig.from_json(raw["config"])})
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(
            f"{path} was written by another version of Vitrine: use that one, or train anew ({exc})"
        ) from exc
