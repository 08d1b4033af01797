"""Pixels here spell the row they belong to, so that a batch shows where it was drawn from."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from support.tiny_run import NO_WEAK_LABELS
from training.batches import Pool, draw, make_pools
from training.corpus import Corpus
from training.labels import build_vocabulary
from training.sources import Source
from training.term_clusters import JoinSettings
from training.weak_labels import TermSettings, WeakLabels, learn_weak_labels

TASKS = ("category", "colour")


def pool(rows: Sequence[int], *, share: float = 1.0, first: int = 0, of: int = 50) -> Pool:
    """A source of `of` pictures, whose value is `first` + row, as are all its labels."""
    values = np.arange(first, first + of)
    pixels = np.broadcast_to(values[:, None, None, None], (of, 2, 2, 3)).astype(np.uint8)
    labels = np.broadcast_to(values[:, None], (of, len(TASKS))).astype(np.int64)
    weak = np.full((of, 3), -1, dtype=np.int64)
    weak[:, 0] = np.arange(of) % 4
    weights = np.where(weak >= 0, 0.5, 0).astype(np.float32)
    drawn = np.array(rows, dtype=np.int64)
    return Pool(pixels, drawn, labels, weak, weights, np.ones(len(drawn)), share)


def halves(*pools: Pool) -> list[Pool]:
    total = sum(one.share for one in pools)
    return [replace(one, share=one.share / total) for one in pools]


def values(pictures: torch.Tensor) -> list[int]:
    return [int(v) for v in pictures[:, 0, 0, 0]]


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    pools = halves(pool(range(50)), pool(range(50), first=100))
    batch = draw(pools, 32, 4, seed=4, step=10)
    fresh = halves(pool(range(50)), pool(range(50), first=100))
    draw(pools, 32, 4, seed=4, step=99)  # what was drawn before does not matter
    for other in (pools, fresh):
        again = draw(other, 32, 4, seed=4, step=10)
        assert torch.equal(batch.images, again.images)
        assert torch.equal(batch.labels, again.labels)
    assert values(draw(pools, 32, 4, seed=4, step=11).images) != values(batch.images)
    assert values(draw(pools, 32, 4, seed=5, step=10).images) != values(batch.images)


def test_pictures_come_with_their_own_labels() -> None:
    batch = draw(halves(pool(range(50)), pool(range(50), first=100)), 64, 4, seed=0, step=0)
    assert batch.images.shape == (64, 2, 2, 3)
    assert batch.images.dtype == torch.uint8
    assert batch.labels.shape == (64, len(TASKS))
    assert batch.labels[:, 0].tolist() == values(batch.images)
    expected = torch.zeros(64, 4)
    for row, value in enumerate(values(batch.images)):
        expected[row, value % 100 % 4] = 0.5
    assert torch.equal(batch.weak, expected)


def test_an_epoch_has_every_row_of_a_pool_once_and_no_other() -> None:
    trainable = [row for row in range(50) if row % 3]
    drawn = [
        v
        for step in range(len(trainable))
        for v in values(draw([pool(trainable)], 8, 4, 0, step).images)
    ]
    assert len(drawn) == 8 * len(trainable)
    for epoch in range(8):
        part = drawn[epoch * len(trainable) : (epoch + 1) * len(trainable)]
        # Rows of a step are in order, so that an epoch's end may fall inside one.
        assert len(set(part)) > 0.7 * len(trainable)
    assert {drawn.count(row) for row in trainable} == {8}


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.6, 0.2), (3.0, 1.0)])
def test_shares_are_respected_whatever_the_sizes(shares: tuple[float, float]) -> None:
    pools = halves(
        pool(range(5), share=shares[0], of=5),
        pool(range(100), share=shares[1], first=100, of=100),
    )
    drawn = np.concatenate([values(draw(pools, 20, 4, 0, step).images) for step in range(200)])
    assert (drawn < 100).mean() == pytest.approx(shares[0] / sum(shares), abs=0.03)


def test_a_row_with_more_copies_is_drawn_as_much_more_often() -> None:
    copies = np.where(np.arange(50) < 10, 3.0, 0.5)
    tilted = replace(pool(range(50)), copies=copies)
    drawn = [v for step in range(100) for v in values(draw([tilted], 20, 4, 0, step).images)]
    rare = sum(v < 10 for v in drawn) / len(drawn)
    assert rare == pytest.approx(30 / 50, abs=0.02)


def corpus(name: str, colours: list[str | None], titles: list[str]) -> Corpus:
    count = len(colours)
    return Corpus(
        Source(name, 0.3, name, lambda: iter(())),
        pixels=np.zeros((count, 2, 2, 3), dtype=np.uint8),
        labels=[{"colour": c} if c else {} for c in colours],
        documents=[{"title": title} if title else {} for title in titles],
        ids=[f"{name}-{i}" for i in range(count)],
        held_out=np.arange(count) % 2 == 1,
    )


def test_pools_number_labels_and_leave_held_out_rows_aside() -> None:
    five = corpus("five", ["Red", None, "Blue", "Mauve", "Red"], [""] * 5)
    # "Mauve" occurs among the held-out rows only, so that no vocabulary has it.
    vocabularies = {"category": build_vocabulary([]), "colour": build_vocabulary(["Red", "Blue"])}
    (made,) = make_pools([five], vocabularies, NO_WEAK_LABELS, balanced=False)
    assert made.rows.tolist() == [0, 2, 4]
    assert made.share == 1.0
    assert made.labels[:, 1].tolist() == [1, -1, 0, -1, 1]
    assert (made.labels[:, 0] == -1).all()


def weak_labels() -> WeakLabels:
    documents = [{"title": "red hat"}] * 30 + [{"title": "blue scarf"}] * 10
    return learn_weak_labels(
        documents,
        TermSettings(min_df=2, max_df_share=0.9, min_separation=0, join=JoinSettings(head_df=2)),
    )


def test_balanced_pools_repeat_rows_with_rare_labels_and_leave_out_what_has_no_text() -> None:
    weak = weak_labels()
    common, rare = weak.targets({"title": "red hat"}), weak.targets({"title": "blue scarf"})
    assert common
    assert rare
    told = corpus("told", [None] * 202, ["red hat"] * 200 + ["blue scarf"] * 2)
    silent = corpus("silent", ["Red"] * 4, [""] * 4)
    (made,) = make_pools([told, silent], {}, weak, balanced=True)
    assert made.share == 1.0
    assert made.copies[-1] > made.copies[0]
    assert made.copies.mean() == pytest.approx(1.0)
    both = make_pools([told, silent], {}, weak, balanced=False)
    assert [one.share for one in both] == [0.5, 0.5]
