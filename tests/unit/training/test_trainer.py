import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from support.tiny_run import TINY, shapes_corpus
from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint, CheckpointError
from training.corpus import Corpus
from training.trainer import train, vocabularies_of

SHORT = replace(TINY, stages=TINY.stages[1:])


class Interrupted(Exception):
    """Stands for whatever ends a process between two checkpoints."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return shapes_corpus(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def whole_run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(TINY, [corpus], tmp_path_factory.mktemp("whole"))


def assert_equal(left: Checkpoint, right: Checkpoint) -> None:
    """Same config, step, weights and moments, to the last bit."""
    assert (left.config, left.step) == (right.config, right.step)
    for mine, other in ((left.model, right.model), (left.heads, right.heads)):
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name]) for name in mine)
    for index, moments in left.optimizer["state"].items():
        others = right.optimizer["state"][index]
        assert all(torch.equal(moments[name], others[name]) for name in moments)


def test_the_loss_falls_at_every_resolution(whole_run: Path) -> None:
    lines = [json.loads(line) for line in (whole_run.parent / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["resolution"]) for line in lines] == [
        (0, 32),
        (20, 32),
        (40, 48),
        (41, 48),
    ]
    losses = [line["loss"] for line in lines]
    assert losses[1] < 0.8 * losses[0]
    assert losses[-1] < 0.4 * losses[0]


def test_the_caller_hears_how_far_it_is(corpus: Corpus, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    train(SHORT, [corpus], tmp_path, on_step=lambda done, steps, loss: heard.append((done, steps)))
    assert heard == [(1, 18), (18, 18)]


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    def interrupt(done: int, steps: int, loss: float) -> None:
        if done > 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(TINY, [corpus], tmp_path, on_step=interrupt, save_seconds=0)
    path = tmp_path / "checkpoint.pt"
    assert checkpoints.load(path).step == 20
    train(TINY, [corpus], tmp_path)
    assert_equal(checkpoints.load(path), checkpoints.load(whole_run))


def test_a_finished_run_is_not_trained_further(corpus: Corpus, tmp_path: Path) -> None:
    path = train(SHORT, [corpus], tmp_path)
    before, log = checkpoints.load(path), (tmp_path / "log.jsonl").read_text()
    train(SHORT, [corpus], tmp_path)
    assert_equal(before, checkpoints.load(path))
    assert (tmp_path / "log.jsonl").read_text() == log


def test_validation_rows_are_not_trained_on(corpus: Corpus, tmp_path: Path) -> None:
    pixels = np.array(corpus.pixels)
    pixels[corpus.held_out] = 255 - pixels[corpus.held_out]
    labels = {
        task: [
            "held out" if held else name for name, held in zip(names, corpus.held_out, strict=True)
        ]
        for task, names in corpus.labels.items()
    }
    spoiled = replace(corpus, pixels=pixels, labels=labels)
    first = train(SHORT, [corpus], tmp_path / "first")
    second = train(SHORT, [spoiled], tmp_path / "second")
    assert_equal(checkpoints.load(first), checkpoints.load(second))
    # The same pictures do show once they are trained on.
    shown = replace(corpus, pixels=pixels, held_out=np.zeros_like(corpus.held_out))
    third = checkpoints.load(train(SHORT, [shown], tmp_path / "third"))
    assert not torch.equal(third.model["head.weight"], checkpoints.load(first).model["head.weight"])


def test_tasks_know_the_labels_of_trained_rows_from_every_source(corpus: Corpus) -> None:
    held = np.array([name == "Red" for name in corpus.labels["colour"]])
    without_red = replace(corpus, held_out=held)
    assert vocabularies_of([without_red])["colour"].labels == ("Blue", "Green", "Yellow")
    names: list[str | None] = ["Red" if i % 2 else "Mauve" for i in range(len(held))]
    other = replace(corpus, labels={**corpus.labels, "colour": names})
    both = vocabularies_of([without_red, other])
    assert both["colour"].labels == ("Blue", "Green", "Mauve", "Red", "Yellow")
    assert both["product"].labels == ()


def test_another_seed_is_another_run(corpus: Corpus, tmp_path: Path) -> None:
    first = checkpoints.load(train(SHORT, [corpus], tmp_path / "0"))
    second = checkpoints.load(train(replace(SHORT, seed=1), [corpus], tmp_path / "1"))
    assert not torch.equal(first.model["head.weight"], second.model["head.weight"])


def test_a_run_of_another_config_is_refused_with_the_way_out(
    corpus: Corpus, whole_run: Path
) -> None:
    before = whole_run.read_bytes()
    with pytest.raises(CheckpointError, match="another config; choose another --out, or remove it"):
        train(replace(TINY, learning_rate=1e-4), [corpus], whole_run.parent)
    assert whole_run.read_bytes() == before


def test_a_run_on_other_labels_is_refused(corpus: Corpus, whole_run: Path) -> None:
    colours = ["Violet" if name == "Red" else name for name in corpus.labels["colour"]]
    colours[0] = "Orange"
    other = replace(corpus, labels={**corpus.labels, "colour": colours})
    with pytest.raises(CheckpointError, match="other labels than this data has"):
        train(TINY, [other], whole_run.parent)


def test_a_damaged_checkpoint_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\3\4 and nothing after")
    with pytest.raises(CheckpointError, match="is damaged"):
        train(TINY, [corpus], tmp_path)


def test_a_run_may_begin_with_the_tower_of_another(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    # No step of any size: what comes out is what the run began with.
    still = replace(SHORT, learning_rate=0.0, seed=5)
    path = train(still, [corpus], tmp_path, start=whole_run)
    before, after = checkpoints.load(whole_run), checkpoints.load(path)
    assert all(torch.equal(before.model[name], after.model[name]) for name in before.model)
    assert not torch.equal(before.heads["colour.proxies"], after.heads["colour.proxies"])


def test_a_tower_of_another_shape_is_refused(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    wider = replace(SHORT, model=replace(SHORT.model, width=64))
    with pytest.raises(CheckpointError, match="another shape"):
        train(wider, [corpus], tmp_path / "run", start=whole_run)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
