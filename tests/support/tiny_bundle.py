"""A bundle of seconds with all that one may have: three tiers, two heads, a text tower."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from model_export.export import export_checkpoint
from model_export.text import TextSource
from service.demo.products import products
from training import checkpoint as checkpoints
from training.config import RunConfig
from training.lit import TextRunConfig
from training.text_tower import TextConfig, TextTower
from training.tokenizer import train_tokenizer
from training.vit import ViT, ViTConfig

SHAPE = ViTConfig(
    width=32, depth=2, heads=2, dim=16, size=48, patch=16, grid=4, stem_width=8, stem_blocks=1
)
TIERS = (8, 12, 24)
CLASSES = {
    "category": ["Bags", "Shirts", "Shoes"],
    "article": ["Tote", "Polo"],
    "colour": ["Red", "Navy Blue", "Black", "White"],
}
CALIBRATION = (
    '{"temperatures": {"category": 0.1}, "same_product": {"slope": 9.5, "intercept": -6.0}}\n'
)


def tiny_tower(seed: int = 5, shape: ViTConfig = SHAPE) -> ViT:
    """Random weights, biases too: a fresh tower's are zero, and would hide a mistake."""
    torch.manual_seed(seed)
    tower = ViT(shape)
    with torch.no_grad():
        for weight in tower.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return tower.eval()


def tiny_checkpoint(
    path: Path, *, tower: ViT | None = None, tiers: tuple[int, ...] = TIERS
) -> Path:
    """A checkpoint whose averaged weights are the tower's; those being trained are others."""
    tower = tower or tiny_tower()
    torch.manual_seed(6)
    heads = {f"{task}.proxies": torch.randn(len(names), 16) for task, names in CLASSES.items()}
    state = checkpoints.Checkpoint(
        config=RunConfig(model=tower.config, tiers=tiers, temperature=0.25),
        step=0,
        model=tiny_tower(seed=99, shape=tower.config).state_dict(),
        ema=tower.state_dict(),
        heads=heads,
        optimizer=[],
        classes=CLASSES,
        data="0" * 64,
    )
    checkpoints.save(path, state)
    return path


def tiny_text(folder: Path, *, dim: int = 16, max_length: int = 12) -> TextSource:
    """Write `text.pt` and `tokenizer.json` of random weights into a folder made for them."""
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    shape = TextConfig(vocab=300, width=32, depth=1, heads=2, max_length=max_length, dim=dim)
    tower = TextTower(shape).eval()
    raw = {"schema": 1, "config": TextRunConfig(text=shape).to_json(), "model": tower.state_dict()}
    torch.save(raw, folder / "text.pt")
    titles = (product.title for product in products(40, seed=2))
    train_tokenizer(titles, 300, max_length).save(str(folder / "tokenizer.json"))
    return TextSource(tower, folder / "tokenizer.json")


@lru_cache(maxsize=1)
def exported_once(folder: Path) -> Path:
    """Fill a folder with `checkpoint.pt`, `calibration.json`, `text` and the `bundle` of them all.

    Asked for by several conftests, made once; not to be changed.
    """
    torch.set_num_threads(1)
    folder.mkdir()
    (folder / "calibration.json").write_text(CALIBRATION)
    tiny_text(folder / "text")
    export_checkpoint(
        tiny_checkpoint(folder / "checkpoint.pt"),
        folder / "bundle",
        name="tiny",
        version="1",
        licence="CC0-1.0",
        text=folder / "text",
    )
    return folder


def noise(count: int, size: int = 48) -> np.ndarray:
    """(count, size, size, 3) uint8."""
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
