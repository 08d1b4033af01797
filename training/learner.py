"""What learns: the tower, its heads and the optimiser, and their way to disk and back."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoint as checkpoints
from training.config import RunConfig
from training.labels import TASKS, Vocabulary
from training.proxies import ProxyHead, multi_task_loss
from training.vit import ViT


class Learner:
    """A run's state, on the GPU where there is one."""

    def __init__(
        self, config: RunConfig, vocabularies: Mapping[str, Vocabulary], start: Path | None
    ) -> None:
        """Make a tower and a proxy head per task, seeded by the config.

        Args:
            config: The run.
            vocabularies: The classes of each task.
            start: A checkpoint whose tower to begin with, or None for random weights.

        Raises:
            CheckpointError: `start` cannot be read, or is a tower of another shape.
        """
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._config = config
        torch.manual_seed(config.seed)
        heads = nn.ModuleDict()
        for task in TASKS:
            allowed = torch.from_numpy(vocabularies[task].allowed)
            heads[task] = ProxyHead(config.model.dim, allowed, config.temperature)
        tower = ViT(config.model)
        if start is not None:
            _load_tower(tower, config, start)
        self._tower, self._heads = tower.to(self.device), heads.to(self.device)
        self._parameters = [*self._tower.parameters(), *self._heads.parameters()]
        self._optimizer = _adamw(self._parameters, config.weight_decay)

    def step(self, views: Tensor, labels: Tensor, learning_rate: float) -> float:
        """Take one step; return the loss.

        Args:
            views: (b, 3, h, w) float32, about -1..1.
            labels: (b, tasks) int64, -1 where unlabelled.
            learning_rate: Of this step.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        with torch.autocast(self.device, torch.bfloat16):
            embeddings = self._tower(views)
        loss = multi_task_loss(self._heads, embeddings, labels)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, self._config.gradient_clip)
        self._optimizer.step()
        return float(loss.detach())

    def save(self, path: Path, step: int) -> None:
        """Write a checkpoint of a run that has `step` steps behind it."""
        state = checkpoints.Checkpoint(
            config=self._config,
            step=step,
            model=self._tower.state_dict(),
            heads=self._heads.state_dict(),
            optimizer=self._optimizer.state_dict(),
        )
        checkpoints.save(path, state)

    def resume(self, path: Path) -> int:
        """Load the run's state if there is one; return the step to go on at.

        Raises:
            CheckpointError: The checkpoint is of another config or of other labels.
        """
        if not path.exists():
            return 0
        state = checkpoints.load(path, self.device)
        if state.config != self._config:
            raise checkpoints.CheckpointError(
                f"{path} belongs to a run of another config; choose another --out, or remove it"
            )
        try:
            self._tower.load_state_dict(state.model)
            self._heads.load_state_dict(state.heads)
        except RuntimeError as exc:
            raise checkpoints.CheckpointError(
                f"{path} was trained on other labels than this data has; choose another --out"
            ) from exc
        self._optimizer.load_state_dict(state.optimizer)
        return state.step


def _load_tower(tower: ViT, config: RunConfig, start: Path) -> None:
    state = checkpoints.load(start)
    if state.config.model != config.model:
        raise checkpoints.CheckpointError(
            f"{start} is a tower of another shape: {state.config.model}, not {config.model}"
        )
    tower.load_state_dict(state.model)


def _adamw(parameters: list[nn.Parameter], weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; only matrices decay, as norms and biases must stay free."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))
