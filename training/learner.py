"""What learns: the tower, its heads and the optimisers, and their way to disk and back."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import checkpoint as checkpoints
from training.batches import Batch
from training.config import RunConfig
from training.labels import Vocabulary
from training.proxies import ProxyHead, TeacherHead, WeakHead
from training.vit import ViT

WEAK, TEACHER = "weak", "teacher"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """How one step is taken.

    Attributes:
        step: Its number.
        patch: Patch size of the embedding that is learnt from.
        student: Another patch size to hold to it, or None.
        learning_rate: Of this step.
        guard: Whether labels that look wrong are left out.
    """

    step: int
    patch: int
    student: int | None
    learning_rate: float
    guard: bool


class Learner:
    """A run's state, on the GPU where there is one."""

    def __init__(
        self,
        config: RunConfig,
        vocabularies: Mapping[str, Vocabulary],
        weak_labels: int,
        data: str,
        start: Path | None = None,
        teacher_dim: int = 0,
    ) -> None:
        """Make a tower and a head per task, seeded by the config.

        Args:
            config: The run.
            vocabularies: The classes of each task to learn.
            weak_labels: How many there are to learn; none leaves their head out.
            data: Digest of what is trained on.
            start: A checkpoint whose tower to begin with, and whose heads of tasks with the same
                classes; None for random weights.
            teacher_dim: Width of a teacher's vectors; 0 without one.

        Raises:
            CheckpointError: `start` cannot be read, or is a tower of another shape.
        """
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._config, self._data = config, data
        torch.manual_seed(config.seed)
        self._tasks = list(vocabularies)
        self._classes = {task: list(vocabularies[task].classes) for task in self._tasks}
        heads = nn.ModuleDict()
        for task in self._tasks:
            allowed = torch.from_numpy(vocabularies[task].allowed)
            shape = (config.model.dim, allowed, config.temperature, config.sampled_classes)
            heads[task] = ProxyHead(*shape)
        if weak_labels:
            heads[WEAK] = WeakHead(config.model.dim, weak_labels)
        if teacher_dim:
            heads[TEACHER] = TeacherHead(config.model.dim, teacher_dim)
        tower = ViT(config.model)
        if start is not None:
            self._begin_from(start, tower, heads)
        self._tower, self._heads = tower.to(self.device), heads.to(self.device)
        self._average = copy.deepcopy(self._tower).requires_grad_(False)
        self._parameters = [*self._tower.parameters(), *self._heads.parameters()]
        self._optimizers = _optimizers(self._tower, self._heads, config.weight_decay)

    def step(self, views: Tensor, batch: Batch, plan: StepPlan) -> dict[str, float]:
        """Take one step; return the losses by head, and their `loss` in all.

        Args:
            views: (b, 3, h, w) float32, -1..1.
            batch: Its labels.
            plan: Of this step.
        """
        torch.manual_seed(self._config.seed * 1_000_003 + plan.step)  # sampled classes
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate
        with torch.autocast(self.device, torch.bfloat16):
            features = self._tower.stem(views)
        embeddings = self._embed(features, plan.patch)
        losses = self._losses(embeddings, batch, plan.guard)
        total = torch.stack(list(losses.values())).sum()
        if plan.student is not None:
            student = self._embed(features, plan.student)
            learnt = self._losses(student, batch, plan.guard)
            distance = (1 - F.cosine_similarity(student, embeddings.detach())).mean()
            total = 0.5 * (total + torch.stack(list(learnt.values())).sum())
            total = total + self._config.distill * distance
            losses["distance"] = distance
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, self._config.gradient_clip)
        for optimizer in self._optimizers:
            optimizer.step()
        self._update_average(plan.step)
        return {name: float(loss.detach()) for name, loss in {**losses, "loss": total}.items()}

    def save(self, path: Path, step: int) -> None:
        """Write a checkpoint of a run that has `step` steps behind it."""
        state = checkpoints.Checkpoint(
            config=self._config,
            step=step,
            model=self._tower.state_dict(),
            ema=self._average.state_dict(),
            heads=self._heads.state_dict(),
            optimizer=[optimizer.state_dict() for optimizer in self._optimizers],
            classes=self._classes,
            data=self._data,
        )
        checkpoints.save(path, state)

    def resume(self, path: Path) -> int:
        """Load the run's state if there is one; return the step to go on at.

        Raises:
            CheckpointError: The checkpoint is of another config, or of other data.
        """
        if not path.exists():
            return 0
        state = checkpoints.load(path, self.device)
        if state.config != self._config:
            raise checkpoints.CheckpointError(
                f"{path} belongs to a run of another config; choose another --out, or remove it"
            )
        if state.data != self._data or state.classes != self._classes:
            raise checkpoints.CheckpointError(
                f"{path} was trained on other data or labels than these; choose another --out"
            )
        self._tower.load_state_dict(state.model)
        self._average.load_state_dict(state.ema)
        self._heads.load_state_dict(state.heads)
        for optimizer, saved in zip(self._optimizers, state.optimizer, strict=True):
            optimizer.load_state_dict(saved)
        return state.step

    def _begin_from(self, start: Path, tower: ViT, heads: nn.ModuleDict) -> None:
        state = checkpoints.load(start)
        if state.config.model != self._config.model:
            raise checkpoints.CheckpointError(
                f"{start} is a tower of another shape: {state.config.model}, "
                f"not {self._config.model}"
            )
        tower.load_state_dict(state.ema)
        for task in self._tasks:
            if state.classes.get(task) == self._classes[task]:
                heads[task].load_state_dict({"proxies": state.heads[f"{task}.proxies"]})

    def _embed(self, features: Tensor, patch: int) -> Tensor:
        with torch.autocast(self.device, torch.bfloat16):
            embeddings: Tensor = self._tower.encode(features, patch)
        return embeddings

    def _losses(self, embeddings: Tensor, batch: Batch, guard: bool) -> dict[str, Tensor]:
        losses = {
            task: self._heads[task](embeddings, batch.labels[:, i].to(self.device), guard=guard)
            for i, task in enumerate(self._tasks)
        }
        if WEAK in self._heads:
            losses[WEAK] = self._heads[WEAK](embeddings, batch.weak.to(self.device))
        if TEACHER in self._heads:
            losses[TEACHER] = self._heads[TEACHER](embeddings, batch.taught)
        return losses

    def _update_average(self, step: int) -> None:
        # Shorter at first, so that the random start is soon forgotten.
        decay = min(self._config.average, (1 + step) / (10 + step))
        with torch.no_grad():
            pairs = zip(
                self._average.state_dict().values(), self._tower.state_dict().values(), strict=True
            )
            for average, current in pairs:
                if average.is_floating_point():
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(current)


def _optimizers(
    tower: ViT, heads: nn.Module, weight_decay: float
) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the blocks' matrices, AdamW for the rest; only matrices decay.

    Muon (Jordan et al., 2024), its updates scaled to AdamW's (Liu et al., 2025), so that one
    learning rate serves both.
    """
    matrices = [p for n in (tower.stem, tower.blocks) for p in n.parameters() if p.ndim == 2]
    taken = {id(p) for p in matrices}
    rest = [p for p in (*tower.parameters(), *heads.parameters()) if id(p) not in taken]
    muon = torch.optim.Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return muon, torch.optim.AdamW(groups, betas=(0.9, 0.98))
