import copy

import pytest
import torch
from torch import nn

from training.stem import STRIDE, ConvNorm, Stem, fold_norms


@pytest.fixture
def stem() -> Stem:
    """A stem that has seen pictures, so that its normalisations know their statistics."""
    torch.manual_seed(0)
    stem = Stem(width=8, blocks=2)
    for _ in range(20):
        stem(torch.randn(16, 3, 24, 24) * 0.5 + 0.2)
    return stem.eval()


@pytest.mark.parametrize("size", [24, 48, 96])
def test_features_have_a_quarter_of_the_resolution(stem: Stem, size: int) -> None:
    features = stem(torch.zeros(2, 3, size, size))
    assert features.shape == (2, 8, size // STRIDE, size // STRIDE)


def test_folded_convolutions_compute_what_the_stem_does(stem: Stem) -> None:
    folded, pictures = copy.deepcopy(stem), torch.randn(3, 3, 24, 24)
    fold_norms(folded)
    assert not [m for m in folded.modules() if isinstance(m, (ConvNorm, nn.BatchNorm2d))]
    with torch.inference_mode():
        torch.testing.assert_close(folded(pictures), stem(pictures), atol=1e-5, rtol=1e-4)


def test_without_blocks_only_the_resolution_is_reduced() -> None:
    assert len(Stem(width=8, blocks=0).blocks) == 0


def test_multiply_adds_are_those_of_its_convolutions(stem: Stem) -> None:
    counted = 0

    def count(conv: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        assert isinstance(conv, nn.Conv2d)
        counted += output[0, 0].numel() * conv.weight.numel()

    folded = copy.deepcopy(stem)
    fold_norms(folded)
    for module in folded.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    folded(torch.zeros(1, 3, 48, 48))
    assert stem.multiply_adds(48) == counted


def test_matrices_of_convolutions_are_what_muon_takes(stem: Stem) -> None:
    matrices = [p for p in stem.parameters() if p.ndim == 2]
    assert [tuple(m.shape) for m in matrices[:2]] == [(4, 27), (8, 36)]
