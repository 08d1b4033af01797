"""Text tower training against locked pictures, after LiT, with the sigmoid loss of SigLIP.

    documents -> captions -> text tower    -> vectors -+
                 pictures -> locked tower  -> vectors -+-> sigmoid loss -> text.pt

"LiT: Zero-shot transfer with locked-image text tuning" (Zhai et al., 2022): a good image tower
stays as it is, the text tower learns to name what it sees. Vectors of locked pictures cost
nothing, so a step compares few captions with many pictures.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from training.captions import ClaimIndex, draw_caption, has_text
from training.checkpoint import CheckpointError
from training.labels import DataError
from training.schedule import warmup_cosine
from training.sigmoid_loss import SigmoidLoss
from training.terms import Document
from training.text_tower import TextConfig, TextTower
from training.tokenizer import PAD, encode, train_tokenizer

SCHEMA = 1
_LOG_STEPS = 20


@dataclass(frozen=True, slots=True)
class TextRunConfig:
    """One run.

    Attributes:
        text: Shape of the network.
        captions: Texts a step; each costs a pass through the tower.
        pictures: Pictures a step that every caption is compared with; the captions' own first.
        learning_rate: Peak, reached after `warmup` of all steps, then falling along a cosine.
        seed: Of everything random.
    """

    text: TextConfig = field(default_factory=TextConfig)
    captions: int = 256
    pictures: int = 4096
    steps: int = 2000
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    gradient_clip: float = 1.0
    seed: int = 0

    def to_json(self) -> str:
        """Return the run as JSON, which a checkpoint carries to recognise its own config."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "TextRunConfig":
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        raw["text"] = TextConfig(**raw["text"])
        return cls(**raw)


class _Data:
    """The products that have text, and what a step sees of them."""

    def __init__(
        self, config: TextRunConfig, vectors: NDArray[np.float16], documents: Sequence[Document]
    ) -> None:
        if len(vectors) != len(documents):
            raise DataError(f"{len(vectors)} rows of vectors, but {len(documents)} documents")
        if vectors.ndim != 3 or vectors.shape[2] != config.text.dim:
            shape = f"(products, views, {config.text.dim})"
            raise DataError(f"vectors are {vectors.shape}, not {shape}")
        rows = [row for row, document in enumerate(documents) if has_text(document)]
        if not rows:
            raise DataError(
                f"none of the {len(documents)} products has a title, a description or an "
                "attribute: a text tower has nothing to learn from"
            )
        self._config = config
        self._vectors = vectors
        self._rows = np.array(rows, dtype=np.int64)
        self._documents = [documents[row] for row in rows]
        self._index = ClaimIndex(self._documents)
        texts = (text for document in self._documents for text in document.values())
        self.tokenizer = train_tokenizer(texts, config.text.vocab, config.text.max_length)

    def draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a step's captions and pictures: a function of (seed, step).

        Returns:
            (c, n) int64 tokens, (p, dim) float32 pictures and (c, p) bool truth.
        """
        random = np.random.default_rng((self._config.seed, step))
        count = len(self._documents)
        products = random.permutation(count)[: self._config.pictures]
        named = products[: self._config.captions]
        captions = [draw_caption(self._documents[product], random) for product in named]
        views = random.integers(self._vectors.shape[1], size=len(products))
        pictures = self._vectors[self._rows[products], views].astype(np.float32)
        tokens = encode(self.tokenizer, [caption.text for caption in captions])
        # Columns of nothing but padding change no vector and cost as much as words.
        tokens = tokens[:, : int((tokens != PAD).sum(dim=1).max())]
        truth = self._index.true_of(captions, products)
        return tokens, torch.from_numpy(pictures), torch.from_numpy(truth)


class _Learner:
    """A run's state, on the GPU where there is one."""

    def __init__(self, config: TextRunConfig, tokenizer: Tokenizer) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._config = config
        self._tokenizer: str = tokenizer.to_str()
        torch.manual_seed(config.seed)
        self._tower = TextTower(config.text).to(self._device)
        self._loss = SigmoidLoss().to(self._device)
        self._parameters = [*self._tower.parameters(), *self._loss.parameters()]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self._parameters if p.ndim > 1]},
            {"params": [p for p in self._parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        decay = config.weight_decay
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=decay)

    def step(self, tokens: Tensor, pictures: Tensor, truth: Tensor, learning_rate: float) -> float:
        """Take one step; return the loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        with torch.autocast(self._device, torch.bfloat16):
            texts = self._tower(tokens.to(self._device))
        loss = self._loss(texts, pictures.to(self._device), truth.to(self._device))
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, self._config.gradient_clip)
        self._optimizer.step()
        return float(loss.detach())

    def save(self, path: Path, step: int) -> None:
        """Replace the checkpoint, and the tokenizer beside it."""
        raw = {
            "schema": SCHEMA,
            "config": self._config.to_json(),
            "tokenizer": self._tokenizer,
            "step": step,
            "model": self._tower.state_dict(),
            "loss": self._loss.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        beside, tokenizer = path.with_name("text.pt.tmp"), path.with_name("tokenizer.json.tmp")
        torch.save(raw, beside)
        tokenizer.write_text(self._tokenizer, encoding="utf-8")
        os.replace(tokenizer, path.with_name("tokenizer.json"))
        os.replace(beside, path)

    def resume(self, path: Path) -> int:
        """Load the run's state if there is one; return the step to go on at.

        Raises:
            CheckpointError: The checkpoint is of another config or of other texts.
        """
        if not path.exists():
            return 0
        raw = _read(path, self._device)
        mine = {"config": self._config.to_json(), "texts": self._tokenizer}
        for what, saved in (("config", raw["config"]), ("texts", raw["tokenizer"])):
            if saved != mine[what]:
                raise CheckpointError(
                    f"{path} belongs to a run of other {what}; choose another --out, or remove it"
                )
        self._tower.load_state_dict(raw["model"])
        self._loss.load_state_dict(raw["loss"])
        self._optimizer.load_state_dict(raw["optimizer"])
        return int(raw["step"])


def train_text(
    config: TextRunConfig,
    vectors: NDArray[np.float16],
    documents: Sequence[Document],
    out: Path,
    *,
    on_step: Callable[[int, int, float], None] = lambda done, steps, loss: None,
    save_seconds: float = 180.0,
) -> Path:
    """Train, or go on training, until the run's last step.

    Args:
        config: The run.
        vectors: (products, views, dim) of the locked image tower, each of unit length.
        documents: What is said of each product, field to text.
        out: Folder of the run; `text.pt`, `tokenizer.json` and `log.jsonl` appear there.
        on_step: Called now and then with (steps done, steps in all, loss).
        save_seconds: Between two checkpoints: what an interruption may cost.

    Returns:
        The path of `text.pt`.

    Raises:
        CheckpointError: The folder holds a run of another config or of other texts.
        DataError: No product has text, or vectors and documents do not fit together.
    """
    data = _Data(config, vectors, documents)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "text.pt"
    learner = _Learner(config, data.tokenizer)
    first = learner.resume(path)
    saved = time.monotonic()
    for step in range(first, config.steps):
        rate = config.learning_rate * warmup_cosine(step / config.steps, config.warmup)
        loss = learner.step(*data.draw(step), rate)
        if step % _LOG_STEPS == 0 or step + 1 == config.steps:
            line = {"step": step, "loss": round(loss, 4), "time": time.time()}
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            on_step(step + 1, config.steps, loss)
        if time.monotonic() - saved >= save_seconds:
            learner.save(path, step + 1)
            saved = time.monotonic()
    learner.save(path, config.steps)
    return path


def load_text(path: Path) -> tuple[TextConfig, TextTower]:
    """Read a trained tower; its tokenizer lies beside it as `tokenizer.json`.

    Raises:
        CheckpointError: It is missing, damaged, or of another Vitrine.
    """
    raw = _read(path, "cpu")
    try:
        config = TextRunConfig.from_json(raw["config"]).text
        tower = TextTower(config)
        tower.load_state_dict(raw["model"])
    except (KeyError, TypeError, ValueError, RuntimeError) as exc:
        raise CheckpointError(
            f"{path} was written by another version of Vitrine: use that one, or train anew ({exc})"
        ) from exc
    return config, tower.eval()


def _read(path: Path, device: str) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"no text tower at {path}")
    try:
        raw: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        schema = raw["schema"]
    except Exception as exc:
        raise CheckpointError(f"{path} is not a text tower of Vitrine, or is damaged") from exc
    if schema != SCHEMA:
        raise CheckpointError(f"{path} has schema {schema}, this Vitrine reads {SCHEMA}")
    return raw
