"""A training run of seconds: coloured shapes that a two-block ViT learns to tell apart."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from service.core.manifest import PreprocessSpec
from support.pictures import encoded
from training import checkpoint as checkpoints
from training.config import Phase, RunConfig
from training.corpus import Corpus, load_corpus
from training.sources import Example, Source
from training.vit import ViT, ViTConfig
from training.weak_labels import TermSettings, WeakLabels, learn_weak_labels

COLOURS = {
    "Red": (210, 30, 30),
    "Green": (30, 160, 40),
    "Blue": (40, 60, 210),
    "Yellow": (230, 210, 40),
}
TINY = RunConfig(
    model=ViTConfig(
        width=32, depth=2, heads=2, dim=16, size=48, patch=16, grid=4, stem_width=16, stem_blocks=1
    ),
    phases=(
        Phase(16 * 30, ((24, 1.0),)),
        Phase(16 * 24, ((12, 1.0),), students=((24, 0.6), (16, 0.4))),
    ),
    tiers=(12, 16, 24),
    batch=16,
    # So few steps have to be long, and their average short.
    learning_rate=1e-2,
    temperature=0.05,
    average=0.9,
    cache_side=56,
)
NO_WEAK_LABELS = WeakLabels((), ())


def shape(colour: str, outline: str, seed: int) -> Image.Image:
    """A disc or square of the colour somewhere on grey, 64 x 64."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (64, 64), (int(rng.integers(180, 256)),) * 3)
    draw = ImageDraw.Draw(picture)
    left, top = (float(v) for v in rng.uniform(2, 26, 2))
    box = (left, top, left + 36, top + 36)
    (draw.ellipse if outline == "disc" else draw.rectangle)(box, fill=COLOURS[colour])
    return picture


def shapes(count: int = 96) -> Iterator[Example]:
    """Every colour and outline in turn; each block of 32 ends with a held-out quarter."""
    for i in range(count):
        colour, outline = tuple(COLOURS)[i % 4], ("disc", "square")[i // 4 % 2]
        labels = {"colour": colour, "category": outline}
        document = {"title": f"{colour.lower()} {outline}"}
        data = encoded(shape(colour, outline, i), "PNG")
        yield Example(data, labels, document, held_out=i % 32 >= 24, id=f"shape-{i}")


def shapes_corpus(cache: Path, *, share: float = 1.0) -> Corpus:
    source = Source("shapes", share, "shapes-96", shapes)
    return load_corpus(source, PreprocessSpec(size=TINY.cache_side), cache)


def shapes_weak_labels(corpus: Corpus) -> WeakLabels:
    """What the shapes' titles tell: four colours and two outlines."""
    documents = [corpus.documents[row] for row in corpus.training_rows()]
    return learn_weak_labels(documents, TermSettings(min_df=3, max_df_share=0.6))


def untrained_checkpoint(
    path: Path, *, config: RunConfig = TINY, fill: float | None = None
) -> Path:
    """A checkpoint of random weights, or of one that spoils them all."""
    torch.manual_seed(5)
    model = ViT(config.model)
    if fill is not None:
        torch.nn.init.constant_(model.head.bias, fill)
    weights = model.state_dict()
    state = checkpoints.Checkpoint(config, 0, weights, weights, {}, [], {}, "none")
    checkpoints.save(path, state)
    return path
