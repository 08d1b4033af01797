"""Pixels here spell the row they belong to, so that a batch shows where it was drawn from."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from training.batches import Pool, draw, make_pool
from training.corpus import Corpus
from training.labels import TASKS, build_vocabulary


def pool(rows: Sequence[int], *, share: float = 1.0, first: int = 0, of: int = 50) -> Pool:
    """A source of `of` pictures, whose value is `first` + row, as are all its labels."""
    values = np.arange(first, first + of)
    pixels = np.broadcast_to(values[:, None, None, None], (of, 2, 2, 3)).astype(np.uint8)
    labels = np.broadcast_to(values[:, None], (of, len(TASKS))).astype(np.int64)
    return Pool(pixels, np.array(rows, dtype=np.int64), labels, share)


def values(pictures: torch.Tensor) -> list[int]:
    return [int(v) for v in pictures[:, 0, 0, 0]]


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    pools = [pool(range(50)), pool(range(50), first=100)]
    pictures, labels = draw(pools, 32, seed=4, step=10)
    for _ in range(2):
        again, again_labels = draw(pools, 32, seed=4, step=10)
        assert torch.equal(pictures, again)
        assert torch.equal(labels, again_labels)
    assert values(draw(pools, 32, seed=4, step=11)[0]) != values(pictures)
    assert values(draw(pools, 32, seed=5, step=10)[0]) != values(pictures)


def test_pictures_come_with_their_own_labels() -> None:
    pictures, labels = draw([pool(range(50)), pool(range(50), first=100)], 64, seed=0, step=0)
    assert pictures.shape == (64, 2, 2, 3)
    assert pictures.dtype == torch.uint8
    assert labels.shape == (64, len(TASKS))
    assert labels[:, 0].tolist() == values(pictures)


def test_only_the_rows_of_a_pool_are_drawn_and_all_of_them_are() -> None:
    trainable = [row for row in range(50) if row % 3]
    drawn = {v for step in range(40) for v in values(draw([pool(trainable)], 16, 0, step)[0])}
    assert drawn == set(trainable)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.6, 0.2), (3.0, 1.0)])
def test_shares_are_respected_on_average_whatever_the_sizes(shares: tuple[float, float]) -> None:
    pools = [
        pool(range(5), share=shares[0], of=5),
        pool(range(100), share=shares[1], first=100, of=100),
    ]
    drawn = np.concatenate([values(draw(pools, 20, 0, step)[0]) for step in range(200)])
    assert (drawn < 100).mean() == pytest.approx(shares[0] / sum(shares), abs=0.03)


def test_a_pool_numbers_labels_and_leaves_held_out_rows_aside() -> None:
    colours = ["Red", None, "Blue", "Mauve", "Red"]
    corpus = Corpus(
        name="five",
        share=0.3,
        pixels=np.zeros((5, 2, 2, 3), dtype=np.uint8),
        labels={task: colours if task == "colour" else [None] * 5 for task in TASKS},
        held_out=np.array([False, True, False, True, False]),
    )
    # "Mauve" occurs among the held-out rows only, so that no vocabulary has it.
    vocabularies = {task: build_vocabulary([]) for task in TASKS}
    vocabularies["colour"] = build_vocabulary(["Red", "Blue"])
    made = make_pool(corpus, vocabularies)
    assert made.rows.tolist() == [0, 2, 4]
    assert made.share == 0.3
    assert made.labels[:, TASKS.index("colour")].tolist() == [1, -1, 0, -1, 1]
    assert (made.labels[:, TASKS.index("gender")] == -1).all()
