"""The training loop: corpora -> batches -> views -> embeddings -> proxies -> checkpoint."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoint as checkpoints
from training.augment import augment
from training.batches import draw, make_pool
from training.config import RunConfig
from training.corpus import Corpus
from training.labels import TASKS, Vocabulary, build_vocabulary
from training.proxies import ProxyHead, multi_task_loss
from training.sources import kind_aliases
from training.vit import ViT

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
    on_step: Callable[[int, int, float], None] = lambda done, steps, loss: None,
    save_seconds: float = 180.0,
) -> Path:
    """Train, or go on training, until the run's last step.

    Args:
        config: The run.
        corpora: Decoded sources.
        out: Folder of the run; `checkpoint.pt` and `log.jsonl` appear there.
        on_step: Called now and then with (steps done, steps in all, loss).
        save_seconds: Between two checkpoints: what an interruption may cost.

    Returns:
        The path of the checkpoint.

    Raises:
        CheckpointError: The folder holds a run of another config or of other labels.
        DataError: The labels of the corpora do not fit together.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.pt"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(config.seed)
    vocabularies = vocabularies_of(corpora)
    model, heads = build(config, vocabularies)
    model, heads = model.to(device), heads.to(device)
    optimizer = _optimizer(config, model, heads)
    first = _resume(path, config, model, heads, optimizer, device)
    pools = [make_pool(corpus, vocabularies) for corpus in corpora]
    steps = config.steps()

    def save(step: int) -> None:
        state = checkpoints.Checkpoint(
            config, step, model.state_dict(), heads.state_dict(), optimizer.state_dict()
        )
        checkpoints.save(path, state)

    saved = time.monotonic()
    for step in range(first, len(steps)):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step / len(steps), config.warmup)
        images, labels = draw(pools, config.batch, config.seed, step)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        views = augment(images.to(device), steps[step], generator)
        loss = _step(model, heads, optimizer, views, labels.to(device), config.gradient_clip)
        if step % _LOG_STEPS == 0 or step + 1 == len(steps):
            _log(out, step, steps[step], loss)
            on_step(step + 1, len(steps), loss)
        if time.monotonic() - saved >= save_seconds:
            save(step + 1)
            saved = time.monotonic()
    save(len(steps))
    return path


def build(config: RunConfig, vocabularies: dict[str, Vocabulary]) -> tuple[ViT, nn.ModuleDict]:
    """Make the image tower and a proxy head per task that has labels."""
    heads = nn.ModuleDict()
    for task in TASKS:
        allowed = torch.from_numpy(vocabularies[task].allowed)
        heads[task] = ProxyHead(config.model.dim, allowed, config.temperature)
    return ViT(config.model), heads


def _optimizer(config: RunConfig, model: nn.Module, heads: nn.Module) -> torch.optim.Optimizer:
    """AdamW; only matrices decay, as norms and biases must stay free."""
    parameters = [*model.parameters(), *heads.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))


def _schedule(progress: float, warmup: float) -> float:
    """Linear to 1 over `warmup`, then along a cosine to 0."""
    if progress < warmup:
        return (progress + 1e-6) / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def _step(
    model: nn.Module,
    heads: nn.ModuleDict,
    optimizer: torch.optim.Optimizer,
    views: Tensor,
    labels: Tensor,
    clip: float,
) -> float:
    with torch.autocast(views.device.type, torch.bfloat16):
        embeddings = model(views)
    loss = multi_task_loss(heads, embeddings, labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(_parameters(optimizer), clip)
    optimizer.step()
    return float(loss.detach())


def _parameters(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def _resume(
    path: Path,
    config: RunConfig,
    model: nn.Module,
    heads: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: str,
) -> int:
    """Load the run's state if there is one; return the step to go on at."""
    if not path.exists():
        return 0
    state = checkpoints.load(path, device)
    if state.config != config:
        raise checkpoints.CheckpointError(
            f"{path} belongs to a run of another config; choose another --out, or remove it"
        )
    try:
        model.load_state_dict(state.model)
        heads.load_state_dict(state.heads)
    except RuntimeError as exc:
        raise checkpoints.CheckpointError(
            f"{path} was trained on other labels than this data has; choose another --out"
        ) from exc
    optimizer.load_state_dict(state.optimizer)
    return state.step


def _log(out: Path, step: int, resolution: int, loss: float) -> None:
    line = {"step": step, "resolution": resolution, "loss": round(loss, 4), "time": time.time()}
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
