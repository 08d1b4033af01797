from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.bundle import ExportError
from model_export.graph import TierGraph
from model_export.parity import checked, measure_parity, sample_pictures, sample_texts, worst
from model_export.run import heads_of
from service.core.manifest import Parity, PreprocessSpec
from service.core.types import Pixels
from support.tiny_bundle import tiny_tower
from training import checkpoint as checkpoints


@pytest.fixture(scope="module")
def pictures() -> Pixels:
    return sample_pictures(PreprocessSpec(size=48))


def graph_of(exported: Path, seed: int = 5) -> TierGraph:
    heads = heads_of(checkpoints.load(exported / "checkpoint.pt"), {"category": 0.1})
    return TierGraph(tiny_tower(seed), 12, heads)


def test_sample_pictures_are_products_at_the_size_of_the_encoder(pictures: Pixels) -> None:
    assert pictures.shape == (42, 48, 48, 3)
    assert pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 42
    again = sample_pictures(PreprocessSpec(size=48), count=3)
    np.testing.assert_array_equal(pictures[:3], again)


def test_sample_texts_are_words() -> None:
    assert len(sample_texts()) == 42
    assert all(text.strip() for text in sample_texts())


def test_a_graph_agrees_with_its_own_export(exported: Path, pictures: Pixels) -> None:
    parity = measure_parity(graph_of(exported), exported / "bundle" / "image-12.onnx", pictures)
    assert parity.images == 1 + 2 + 7 + 32
    assert parity.min_cosine >= 0.99999
    assert parity.max_abs_difference < 1e-5


def test_another_tower_does_not_agree(exported: Path, pictures: Pixels) -> None:
    other = graph_of(exported, seed=99)
    parity = measure_parity(other, exported / "bundle" / "image-12.onnx", pictures)
    assert parity.min_cosine < 0.9
    assert parity.max_abs_difference > 0.1


@pytest.mark.parametrize("spoiled", [0, 20, 41])
def test_one_bad_picture_decides(exported: Path, pictures: Pixels, spoiled: int) -> None:
    graph = graph_of(exported)

    class Spoils(torch.nn.Module):
        """The same graph but for one picture, wherever in the batches it is."""

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            bad = torch.from_numpy(pictures[spoiled])
            vectors, *probabilities = graph(images)
            vectors[(images == bad).all(dim=(1, 2, 3))] = torch.nan
            return vectors, *probabilities

    parity = measure_parity(Spoils(), exported / "bundle" / "image-12.onnx", pictures)
    assert np.isnan(parity.min_cosine)
    assert np.isnan(parity.max_abs_difference)


def test_a_head_that_differs_is_seen_though_the_vectors_agree(
    exported: Path, pictures: Pixels
) -> None:
    graph = graph_of(exported)
    with torch.no_grad():
        graph.classifiers[1].weight.mul_(2)
    parity = measure_parity(graph, exported / "bundle" / "image-12.onnx", pictures)
    assert parity.min_cosine >= 0.99999
    assert parity.max_abs_difference > 0.01
    with pytest.raises(ExportError, match=r"image-12\.onnx differs from torch"):
        checked(parity, exported / "bundle" / "image-12.onnx", "pictures")


@pytest.mark.parametrize(
    ("cosine", "difference"),
    [(0.9989, 0.001), (1.0, 0.011), (np.nan, 0.001), (1.0, np.nan), (-1.0, 2.0)],
)
def test_lost_parity_is_refused(cosine: float, difference: float) -> None:
    parity = Parity(images=42, min_cosine=cosine, max_abs_difference=difference)
    with pytest.raises(ExportError, match=r"text\.onnx differs .* over 42 texts"):
        checked(parity, Path("text.onnx"), "texts")


def test_the_worst_of_each_figure_counts() -> None:
    one = Parity(images=42, min_cosine=0.9995, max_abs_difference=1e-5)
    other = Parity(images=42, min_cosine=1.0, max_abs_difference=1e-3)
    expected = Parity(images=42, min_cosine=0.9995, max_abs_difference=1e-3)
    assert worst([one, other]) == expected
    assert checked(expected, Path("image.onnx"), "pictures") == expected
