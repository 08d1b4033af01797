"""Pictures -> checkpoint -> bundle -> the service's encoder, which must find what it learnt."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from service.adapters.onnx_encoder import OnnxEncoder
from service.core.preprocess import decode_for, preprocess
from support.pictures import encoded
from support.tiny_run import COLOURS, TINY, shape, shapes_corpus
from training import checkpoint as checkpoints
from training.trainer import train
from training.vit import ViT, to_unit_range

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return train(TINY, [shapes_corpus(folder / "cache")], folder)


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> tuple[Path, str]:
    """The bundle, and all that the command printed."""
    out = checkpoint.parent / "bundle"
    command = [sys.executable, "-m", "model_export", str(checkpoint), "--out", str(out)]
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
    assert spec.size == TINY.resolution
    files = [encoded(shape(colour, "disc", 7), "JPEG", quality=90) for colour in COLOURS]
    images = np.stack([preprocess(spec, decode_for(spec, file)) for file in files])
    state = checkpoints.load(checkpoint)
    tower = ViT(state.config.model).eval()
    tower.load_state_dict(state.model)
    with torch.inference_mode():
        expected = tower(to_unit_range(torch.from_numpy(images))).numpy()
    np.testing.assert_allclose(encoder.encode(images), expected, atol=1e-5)


def test_new_pictures_find_their_own_colour(exported: tuple[Path, str]) -> None:
    encoder = OnnxEncoder(exported[0], threads=1)
    spec = encoder.manifest.preprocess

    def vectors(seed: int) -> np.ndarray:
        """One picture of each colour, as the catalogue would store it."""
        pictures = [shape(name, "square", seed + i) for i, name in enumerate(COLOURS)]
        files = [encoded(picture, "JPEG", quality=90) for picture in pictures]
        return encoder.encode(np.stack([preprocess(spec, decode_for(spec, f)) for f in files]))

    gallery = vectors(1000)
    found = np.concatenate([(vectors(seed) @ gallery.T).argmax(axis=1) for seed in (2000, 3000)])
    assert found.tolist() == [0, 1, 2, 3] * 2
