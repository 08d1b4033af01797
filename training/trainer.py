"""The training loop: corpora -> batches -> views -> embeddings -> heads -> checkpoint."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training.augment import augment
from training.batches import Batch, draw, make_pools
from training.config import Phase, RunConfig
from training.corpus import Corpus, data_digest, vocabularies_of
from training.labels import DataError, Vocabulary
from training.learner import Learner, StepPlan
from training.schedule import warmup_cosine
from training.teachers import Teacher
from training.weak_labels import WeakLabels

_LOG_STEPS = 20


def train(
    config: RunConfig,
    corpora: Sequence[Corpus],
    weak_labels: WeakLabels,
    out: Path,
    *,
    start: Path | None = None,
    teacher: tuple[Teacher, int] | None = None,
    on_step: Callable[[int, int, float], None] = lambda done, steps, loss: None,
    save_seconds: float = 180.0,
) -> Path:
    """Train, or go on training, until the run's last step.

    Args:
        config: The run.
        corpora: Decoded sources.
        weak_labels: Read the products' texts; may be empty where tasks are learnt.
        out: Folder of the run; `checkpoint.pt` and `log.jsonl` appear there.
        start: A checkpoint whose tower the run begins with, and whose heads where a task has the
            same classes. Ignored by a run that goes on.
        teacher: Whose vectors to learn, and their width; with the objective `teacher` alone.
        on_step: Called now and then with (steps done, steps in all, loss).
        save_seconds: Between two checkpoints: what an interruption may cost.

    Returns:
        The path of the checkpoint.

    Raises:
        CheckpointError: The folder holds a run of another config or of other data, or `start`
            is a tower of another shape.
        DataError: There is nothing to learn, or the labels do not fit together.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.pt"
    teach, teacher_dim = teacher or (None, 0)
    if (config.objective == "teacher") != bool(teacher):
        raise DataError("a teacher goes with a recipe whose objective is `teacher`, and only there")
    weak_labels = WeakLabels((), ()) if teacher else weak_labels
    vocabularies = _learnable(config, corpora, weak_labels)
    labels = len(weak_labels.labels)
    learner = Learner(config, vocabularies, labels, data_digest(corpora), start, teacher_dim)
    first = learner.resume(path)
    pools = make_pools(corpora, vocabularies, weak_labels, balanced=config.objective == "weak")
    steps = config.steps()
    saved = time.monotonic()
    for step in range(first, len(steps)):
        batch = draw(pools, config.batch, labels, config.seed, step)
        plan = _plan(config, steps[step], step, len(steps))
        losses = _stepped(learner, config, steps[step], plan, batch, teach)
        if step % _LOG_STEPS == 0 or step + 1 == len(steps):
            _log(out, plan, losses)
            on_step(step + 1, len(steps), losses["loss"])
        if time.monotonic() - saved >= save_seconds:
            learner.save(path, step + 1)
            saved = time.monotonic()
    learner.save(path, len(steps))
    return path


def _learnable(
    config: RunConfig, corpora: Sequence[Corpus], weak_labels: WeakLabels
) -> dict[str, Vocabulary]:
    """Return the tasks' vocabularies; refuse data from which nothing can be told apart."""
    if config.objective == "weak":
        if len(weak_labels.labels) < 2:
            raise DataError("there are no weak labels to learn: the catalogue has no usable text")
        return {}
    if config.objective == "teacher":
        return {}  # labels have no part in it
    vocabularies = vocabularies_of(corpora)
    for task in [t for t, v in vocabularies.items() if len(v.classes) < 2]:
        del vocabularies[task]  # one class teaches nothing
    if not vocabularies:
        raise DataError(
            "no task has two classes or more: name a column with labels, --task category=COLUMN"
        )
    return vocabularies


def _plan(config: RunConfig, phase: Phase, step: int, steps: int) -> StepPlan:
    random = np.random.default_rng((config.seed, step, 1))
    rate = config.learning_rate * warmup_cosine(step / steps, config.warmup)
    patch = _pick(phase.patches, random)
    student = _pick(phase.students, random) if phase.students else None
    return StepPlan(step, patch, student, rate, guard=step / steps >= config.guard_after)


def _stepped(
    learner: Learner,
    config: RunConfig,
    phase: Phase,
    plan: StepPlan,
    batch: Batch,
    teach: Teacher | None,
) -> dict[str, float]:
    """Learn from random views of a batch, the same ones in a resumed run; return the losses."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + plan.step)
    size = phase.size or config.model.size
    views = augment(batch.images.to(learner.device), size, generator)
    if teach:
        batch = replace(batch, taught=teach(views))
    return learner.step(views, batch, plan)


def _pick(weighted: Sequence[tuple[int, float]], random: np.random.Generator) -> int:
    weights = np.array([weight for _, weight in weighted])
    return weighted[random.choice(len(weighted), p=weights / weights.sum())][0]


def _log(out: Path, plan: StepPlan, losses: dict[str, float]) -> None:
    rounded = {name: round(loss, 4) for name, loss in losses.items()}
    line = {"step": plan.step, "patch": plan.patch, "time": round(time.time(), 1), **rounded}
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
