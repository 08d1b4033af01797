from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.graph import ImageGraph
from model_export.parity import measure_parity, sample_pictures
from service.core.manifest import PreprocessSpec
from service.core.types import Pixels
from support.tiny_run import TINY
from training import checkpoint as checkpoints
from training.vit import ViT


@pytest.fixture(scope="module")
def pictures() -> Pixels:
    return sample_pictures(PreprocessSpec(size=48))


def graph_of(exported: Path) -> ImageGraph:
    vit = ViT(TINY.model)
    vit.load_state_dict(checkpoints.load(exported / "checkpoint.pt").model)
    return ImageGraph(vit).eval()


def test_sample_pictures_are_products_at_the_size_of_the_encoder(pictures: Pixels) -> None:
    assert pictures.shape == (42, 48, 48, 3)
    assert pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 42
    again = sample_pictures(PreprocessSpec(size=48), count=3)
    np.testing.assert_array_equal(pictures[:3], again)


def test_a_graph_agrees_with_its_own_export(exported: Path, pictures: Pixels) -> None:
    parity = measure_parity(graph_of(exported), exported / "bundle" / "image.onnx", pictures)
    assert parity.images == 1 + 2 + 7 + 32
    assert parity.min_cosine >= 0.9999
    assert parity.max_abs_difference < 1e-4


def test_another_tower_does_not_agree(exported: Path, pictures: Pixels) -> None:
    torch.manual_seed(99)
    other = ImageGraph(ViT(TINY.model)).eval()
    parity = measure_parity(other, exported / "bundle" / "image.onnx", pictures)
    assert parity.min_cosine < 0.9
    assert parity.max_abs_difference > 0.1


@pytest.mark.parametrize("spoiled", [0, 20, 41])
def test_one_bad_picture_decides(exported: Path, pictures: Pixels, spoiled: int) -> None:
    graph = graph_of(exported)

    class Spoils(torch.nn.Module):
        """The same graph but for one picture, wherever in the batches it is."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            bad = torch.from_numpy(pictures[spoiled])
            vectors = graph(images)
            vectors[(images == bad).all(dim=(1, 2, 3))] = torch.nan
            return vectors

    parity = measure_parity(Spoils(), exported / "bundle" / "image.onnx", pictures)
    assert np.isnan(parity.min_cosine)
    assert np.isnan(parity.max_abs_difference)
