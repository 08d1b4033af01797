"""Pictures -> checkpoint -> bundle -> the service's encoder, which must find what it learnt."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.preprocess import decode_for, preprocess
from support.pictures import encoded
from support.tiny_run import COLOURS, TINY, shape, shapes_corpus, shapes_weak_labels
from training import checkpoint as checkpoints
from training.calibrate import calibrate
from training.captioned import captioned
from training.curves import plot_curves
from training.lit import TextRunConfig, train_text
from training.text_tower import TextConfig
from training.trainer import train
from training.vit import ViT, to_unit_range

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every step of docs/training.md, small: labels, both stages, text tower, calibration."""
    folder = tmp_path_factory.mktemp("run")
    corpus = shapes_corpus(folder / "cache")
    weak = shapes_weak_labels(corpus)
    first = train(replace(TINY, objective="weak"), [corpus], weak, folder / "pretrained")
    path = train(TINY, [corpus], weak, folder / "multitask", start=first)
    state = checkpoints.load(path)
    calibrate(state, [corpus]).save(path.with_name("calibration.json"))
    shape = TextConfig(vocab=300, width=32, depth=1, heads=2, max_length=8, dim=16)
    config = TextRunConfig(shape, captions=16, pictures=64, steps=120, learning_rate=3e-3)
    train_text(config, *captioned(state, [corpus]), folder / "text")
    return path


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> tuple[Path, str]:
    """The bundle, and all that the command printed."""
    out = checkpoint.parent / "bundle"
    text = checkpoint.parents[1] / "text"
    command = [sys.executable, "-m", "model_export", str(checkpoint), "--out", str(out)]
    command += ["--text", str(text)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return out, done.stdout + done.stderr


def test_the_command_says_one_line_of_its_own_and_nothing_of_torchs(
    exported: tuple[Path, str],
) -> None:
    out, printed = exported
    (line,) = printed.splitlines()
    assert line.startswith(f"{out}: vitrine-default 1, ")


def test_the_service_sees_what_training_saw(exported: tuple[Path, str], checkpoint: Path) -> None:
    encoder = OnnxEncoder(exported[0], threads=1)
    spec = encoder.manifest.preprocess
    assert spec.size == TINY.model.size
    files = [encoded(shape(colour, "disc", 7), "JPEG", quality=90) for colour in COLOURS]
    images = np.stack([preprocess(spec, decode_for(spec, file)) for file in files])
    state = checkpoints.load(checkpoint)
    tower = ViT(state.config.model).eval()
    tower.load_state_dict(state.ema)
    with torch.inference_mode():
        expected = tower(to_unit_range(torch.from_numpy(images)), TINY.tiers[0]).numpy()
    np.testing.assert_allclose(encoder.encode(images), expected, atol=2e-3)  # weights of 16 bits


def pictures_of(encoder: OnnxEncoder, seed: int) -> np.ndarray:
    """One picture of each colour, as the catalogue would store it."""
    spec = encoder.manifest.preprocess
    pictures = [shape(name, "square", seed + i) for i, name in enumerate(COLOURS)]
    files = [encoded(picture, "JPEG", quality=90) for picture in pictures]
    return np.stack([preprocess(spec, decode_for(spec, f)) for f in files])


@pytest.mark.parametrize("tier", ["best", "balanced", "fast"])
def test_new_pictures_of_any_tier_find_their_own_colour_in_the_best_ones_gallery(
    exported: tuple[Path, str], tier: str
) -> None:
    best, asking = (OnnxEncoder(exported[0], threads=1, tier=name) for name in ("best", tier))
    gallery = best.encode(pictures_of(best, 1000))
    found = [
        (asking.encode(pictures_of(asking, seed)) @ gallery.T).argmax(axis=1)
        for seed in (2000, 3000)
    ]
    assert np.concatenate(found).tolist() == [0, 1, 2, 3] * 2


def test_the_heads_say_what_is_in_the_picture_and_how_surely(exported: tuple[Path, str]) -> None:
    encoder = OnnxEncoder(exported[0], threads=1)
    images = np.concatenate([pictures_of(encoder, seed) for seed in (2000, 3000, 4000)])
    _, said = encoder.classify(images)
    assert set(said) == {"category", "colour"}
    (colours,) = [head.labels for head in encoder.manifest.heads if head.name == "colour"]
    assert [colours[i] for i in said["colour"].argmax(axis=1)] == list(COLOURS) * 3
    np.testing.assert_allclose(said["colour"].sum(axis=1), 1.0, atol=1e-5)
    assert encoder.manifest.calibration is not None
    assert encoder.manifest.calibration["slope"] > 0


def test_words_find_the_pictures_they_name(exported: tuple[Path, str]) -> None:
    encoder = OnnxEncoder(exported[0], threads=1)
    texts = OnnxTextEncoder(exported[0], threads=1).encode([name.lower() for name in COLOURS])
    gallery = encoder.encode(pictures_of(encoder, 1000))
    assert (texts @ gallery.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_runs_curves_are_a_picture(checkpoint: Path) -> None:
    out = checkpoint.with_name("curves.png")
    plot_curves(checkpoint.with_name("log.jsonl"), out)
    with Image.open(out) as picture:
        assert picture.width > 600
        assert len(picture.convert("RGB").getcolors(1_000_000) or []) > 20
