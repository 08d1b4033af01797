import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from training.text_tower import TextConfig, TextTower

SMALL = TextConfig(vocab=300, width=32, depth=2, heads=2, max_length=12, dim=16)


@pytest.fixture(scope="module")
def tower() -> TextTower:
    torch.manual_seed(0)
    return TextTower(SMALL).eval()


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    """Five texts of one to twelve tokens, padded to twelve."""
    ids = torch.randint(2, 300, (5, 12), generator=torch.Generator().manual_seed(1))
    for row, length in enumerate((1, 2, 5, 11, 12)):
        ids[row, length - 1] = 1
        ids[row, length:] = 0
    return ids


def test_vectors_are_float32_of_unit_length(tower: TextTower, tokens: Tensor) -> None:
    vectors = tower(tokens)
    assert vectors.shape == (5, 16)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5))


def test_padding_does_not_change_the_vector(tower: TextTower, tokens: Tensor) -> None:
    padded = tower(tokens)
    for row, length in enumerate((1, 2, 5, 11, 12)):
        alone = tower(tokens[row : row + 1, :length])
        torch.testing.assert_close(alone[0], padded[row], atol=1e-6, rtol=0)


def test_what_the_padding_embeds_to_is_never_seen(tower: TextTower, tokens: Tensor) -> None:
    before = tower(tokens)
    kept = tower.embed.weight[0].clone()
    with torch.no_grad():
        tower.embed.weight[0] = 100.0
        after = tower(tokens)
        tower.embed.weight[0] = kept
    torch.testing.assert_close(after, before, atol=0, rtol=0)


def test_the_order_of_words_is_seen(tower: TextTower, tokens: Tensor) -> None:
    assert not torch.allclose(tower(tokens), tower(tokens.flip(1)))


def test_nothing_but_padding_is_no_nan(tower: TextTower) -> None:
    assert tower(torch.zeros((1, 12), dtype=torch.int64)).isfinite().all()


def test_under_autocast_the_vectors_stay_float32(tower: TextTower, tokens: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        vectors = tower(tokens)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors, tower(tokens), atol=0.03, rtol=0)


def test_the_exported_graph_agrees_at_any_batch(
    tower: TextTower, tokens: Tensor, tmp_path: Path
) -> None:
    path = tmp_path / "text.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")
        program = torch.onnx.export(
            tower,
            (torch.ones((2, 12), dtype=torch.int64),),
            input_names=["tokens"],
            output_names=["embedding"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            opset_version=23,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count in (1, 3, 5):
        (vectors,) = session.run(["embedding"], {"tokens": tokens[:count].numpy()})
        np.testing.assert_allclose(vectors, tower(tokens[:count]).detach().numpy(), atol=1e-5)
