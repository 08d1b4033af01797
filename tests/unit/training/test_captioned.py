from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from support.tiny_run import TINY, shapes_corpus, untrained_checkpoint
from training import checkpoint as checkpoints
from training.captioned import captioned
from training.embed import embed_rows, load_tower, plain_view
from training.vit import to_unit_range


def test_every_training_row_is_embedded_beside_its_words(tmp_path: Path) -> None:
    corpus = shapes_corpus(tmp_path / "cache")
    checkpoint = checkpoints.load(untrained_checkpoint(tmp_path / "checkpoint.pt"))
    heard: list[str] = []
    vectors, documents = captioned(checkpoint, [corpus, corpus], heard.append)
    count = 2 * len(corpus.training_rows())
    assert vectors.shape == (count, 1, TINY.model.dim)
    assert vectors.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(float), axis=2), 1.0, atol=2e-3)
    tower = load_tower(checkpoint)
    expected = embed_rows(tower, TINY.tiers[0], corpus, corpus.training_rows())
    np.testing.assert_allclose(vectors[: len(expected), 0], expected, atol=1e-3)
    assert len(documents) == count
    assert documents[0] == {"title": "red disc", "colour": "Red", "category": "disc"}
    assert heard == ["shapes", "shapes"]


def test_labels_that_are_ids_or_mean_several_things_are_no_words(tmp_path: Path) -> None:
    corpus = shapes_corpus(tmp_path / "cache")
    source = replace(corpus.source, stands_for={"category": {"disc": ("a", "b")}})
    labels = [{**row, "product": "sku-1"} for row in corpus.labels]
    checkpoint = checkpoints.load(untrained_checkpoint(tmp_path / "checkpoint.pt"))
    _, documents = captioned(checkpoint, [replace(corpus, source=source, labels=labels)])
    assert documents[0] == {"title": "red disc", "colour": "Red"}


@pytest.mark.parametrize("rows", [[], [3, 1, 3]])
def test_rows_are_embedded_in_the_order_asked_for(tmp_path: Path, rows: list[int]) -> None:
    corpus = shapes_corpus(tmp_path / "cache")
    tower = load_tower(checkpoints.load(untrained_checkpoint(tmp_path / "checkpoint.pt")))
    vectors = embed_rows(tower, 12, corpus, rows)
    assert vectors.shape == (len(rows), TINY.model.dim)
    if rows:
        np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
        assert not np.allclose(vectors[0], vectors[1])


def test_a_plain_view_is_the_picture_at_the_models_size() -> None:
    images = torch.full((2, 56, 56, 3), 200, dtype=torch.uint8)
    assert plain_view(images, 48).shape == (2, 3, 48, 48)
    torch.testing.assert_close(plain_view(images, 56), to_unit_range(images))
    torch.testing.assert_close(plain_view(images, 48), to_unit_range(images[:, :48, :48]))
