from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from service.adapters.onnx_encoder import OnnxEncoder
from service.core.errors import BundleError
from support.tiny_bundle import exported_once
from training import checkpoint as checkpoints
from training.embed import load_tower
from training.labels import DataError
from training.teachers import load_teacher


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported_once(tmp_path_factory.mktemp("teachers") / "run")


def views(side: int) -> Tensor:
    """Whole grey levels, so that a graph of bytes sees what a tower of floats does."""
    generator = torch.Generator().manual_seed(3)
    levels = torch.randint(0, 256, (3, 3, side, side), generator=generator)
    return levels.float() / 127.5 - 1


def test_a_checkpoint_teaches_its_averaged_tower_at_the_best_patch_size(made: Path) -> None:
    teach, dim = load_teacher(made / "checkpoint.pt")
    state = checkpoints.load(made / "checkpoint.pt")
    with torch.inference_mode():
        expected = load_tower(state)(views(48), state.config.tiers[0])
    assert dim == 16
    torch.testing.assert_close(teach(views(48)), expected)


def test_a_bundle_teaches_what_the_service_would_embed(made: Path) -> None:
    teach, dim = load_teacher(made / "bundle")
    images = ((views(48) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    expected = OnnxEncoder(made / "bundle", threads=1).encode(np.ascontiguousarray(images))
    assert dim == 16
    np.testing.assert_allclose(teach(views(48)).numpy(), expected, atol=1e-5)


def test_a_graph_by_itself_teaches_too(made: Path) -> None:
    alone, _ = load_teacher(made / "bundle" / "image-8.onnx")
    within, _ = load_teacher(made / "bundle")
    torch.testing.assert_close(alone(views(48)), within(views(48)))


@pytest.mark.parametrize("name", ["checkpoint.pt", "bundle"])
def test_a_teacher_of_another_resolution_sees_the_same_crop(made: Path, name: str) -> None:
    teach, _ = load_teacher(made / name)
    # Slow slopes, which no resize changes much.
    small, large = (
        torch.nn.functional.interpolate(views(4), size=(side, side), mode="bilinear")
        for side in (48, 96)
    )
    assert (teach(large) * teach(small)).sum(dim=1).min() > 0.98


def test_what_a_teacher_says_can_be_learnt_from(made: Path) -> None:
    teach, dim = load_teacher(made / "checkpoint.pt")
    student = torch.zeros(3, dim, requires_grad=True)
    (student - teach(views(48))).square().sum().backward()
    assert student.grad is not None
    assert student.grad.norm() > 0


def test_what_cannot_teach_is_named(made: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a graph")
    with pytest.raises(DataError, match=r"broken\.onnx cannot teach: not an ONNX graph"):
        load_teacher(broken)
    with pytest.raises(DataError, match=r"text\.onnx cannot teach: its input"):
        load_teacher(made / "bundle" / "text.onnx")
    with pytest.raises(BundleError, match="no bundle at"):
        load_teacher(tmp_path)
