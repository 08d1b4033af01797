"""The training loop: corpora -> batches -> views -> embeddings -> proxies -> checkpoint."""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from training.augment import augment
from training.batches import draw, make_pool
from training.config import RunConfig
from training.corpus import Corpus
from training.labels import TASKS, Vocabulary, build_vocabulary
from training.learner import Learner
from training.sources import kind_aliases

_LOG_STEPS = 20


def vocabularies_of(corpora: Sequence[Corpus]) -> dict[str, Vocabulary]:
    """Collect every task's vocabulary from the rows that are trained on."""
    names: dict[str, set[str]] = {task: set() for task in TASKS}
    for corpus in corpora:
        for task in TASKS:
            pairs = zip(corpus.labels[task], corpus.held_out, strict=True)
            names[task] |= {name for name, held in pairs if name is not None and not held}
    aliases = {"article_type": kind_aliases()}
    return {task: build_vocabulary(names[task], aliases.get(task)) for task in TASKS}


def train(
    config: RunConfig,
    corpora: Sequence[Corpus],
    out: Path,
    *,
    start: Path | None = None,
    on_step: Callable[[int, int, float], None] = lambda done, steps, loss: None,
    save_seconds: float = 180.0,
) -> Path:
    """Train, or go on training, until the run's last step.

    Args:
        config: The run.
        corpora: Decoded sources.
        out: Folder of the run; `checkpoint.pt` and `log.jsonl` appear there.
        start: A checkpoint whose tower the run begins with; its heads are begun anew, since
            other data has other classes. Ignored by a run that goes on.
        on_step: Called now and then with (steps done, steps in all, loss).
        save_seconds: Between two checkpoints: what an interruption may cost.

    Returns:
        The path of the checkpoint.

    Raises:
        CheckpointError: The folder holds a run of another config or of other labels, or `start`
            is a tower of another shape.
        DataError: The labels of the corpora do not fit together.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.pt"
    vocabularies = vocabularies_of(corpora)
    learner = Learner(config, vocabularies, start)
    first = learner.resume(path)
    pools = [make_pool(corpus, vocabularies) for corpus in corpora]
    steps = config.steps()
    saved = time.monotonic()
    for step in range(first, len(steps)):
        images, labels = draw(pools, config.batch, config.seed, step)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        views = augment(images.to(learner.device), steps[step], generator)
        rate = config.learning_rate * _schedule(step / len(steps), config.warmup)
        loss = learner.step(views, labels.to(learner.device), rate)
        if step % _LOG_STEPS == 0 or step + 1 == len(steps):
            _log(out, step, steps[step], loss)
            on_step(step + 1, len(steps), loss)
        if time.monotonic() - saved >= save_seconds:
            learner.save(path, step + 1)
            saved = time.monotonic()
    learner.save(path, len(steps))
    return path


def _schedule(progress: float, warmup: float) -> float:
    """Linear to 1 over `warmup`, then along a cosine to 0."""
    if progress < warmup:
        return (progress + 1e-6) / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def _log(out: Path, step: int, resolution: int, loss: float) -> None:
    line = {"step": step, "resolution": resolution, "loss": round(loss, 4), "time": time.time()}
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
