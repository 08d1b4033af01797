import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from support.tiny_run import NO_WEAK_LABELS, TINY, shapes_corpus, shapes_weak_labels
from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint, CheckpointError
from training.corpus import Corpus, vocabularies_of
from training.labels import DataError
from training.teachers import load_teacher
from training.trainer import train
from training.vit import ViT
from training.weak_labels import WeakLabels

SHORT = replace(TINY, phases=TINY.phases[1:])
WEAK = replace(TINY, objective="weak")


class Interrupted(Exception):
    """Stands for whatever ends a process between two checkpoints."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return shapes_corpus(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def weak_labels(corpus: Corpus) -> WeakLabels:
    return shapes_weak_labels(corpus)


@pytest.fixture(scope="module")
def whole_run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(TINY, [corpus], NO_WEAK_LABELS, tmp_path_factory.mktemp("whole"))


def assert_equal(left: Checkpoint, right: Checkpoint) -> None:
    """Same config, step, weights and moments, to the last bit."""
    assert (left.config, left.step) == (right.config, right.step)
    for part in ("model", "ema", "heads"):
        mine, other = getattr(left, part), getattr(right, part)
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name]) for name in mine)
    for mine, other in zip(left.optimizer, right.optimizer, strict=True):
        for index, moments in mine["state"].items():
            others = other["state"][index]
            assert all(torch.equal(moments[name], others[name]) for name in moments)


def log_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.parent / "log.jsonl").read_text().splitlines()]


def test_the_loss_falls_at_every_patch_size(whole_run: Path) -> None:
    lines = log_of(whole_run)
    steps = [(line["step"], line["patch"]) for line in lines]
    assert steps == [(0, 24), (20, 24), (40, 12), (53, 12)]
    losses = [line["category"] + line["colour"] for line in lines]
    assert losses[1] < 0.8 * losses[0]
    assert losses[-1] < 0.4 * losses[0]
    # A student is held to the embedding of its teacher, from the phase on that has one.
    assert ["distance" in line for line in lines] == [False, False, True, True]
    assert lines[-1]["distance"] < 0.1


def test_weak_labels_alone_are_learnt(
    corpus: Corpus, weak_labels: WeakLabels, tmp_path: Path
) -> None:
    # Two sources in one run, of which one has no texts and so nothing to teach here.
    silent = replace(corpus, documents=[{}] * len(corpus.ids))
    path = train(WEAK, [corpus, silent], weak_labels, tmp_path)
    lines = log_of(path)
    assert lines[-1]["weak"] < 0.6 * lines[0]["weak"]
    assert set(checkpoints.load(path).heads) == {"weak.proxies", "weak.log_scale", "weak.bias"}


def test_the_second_stage_learns_tasks_and_weak_labels_together(
    corpus: Corpus, weak_labels: WeakLabels, tmp_path: Path
) -> None:
    first = train(WEAK, [corpus], weak_labels, tmp_path / "first")
    second = train(SHORT, [corpus], weak_labels, tmp_path / "second", start=first)
    assert {"category", "colour", "weak", "distance", "loss"} <= set(log_of(second)[0])


def test_a_teacher_alone_teaches(corpus: Corpus, whole_run: Path, tmp_path: Path) -> None:
    config = replace(TINY, objective="teacher", phases=TINY.phases[:1], seed=4)
    teacher = load_teacher(whole_run)
    path = train(config, [corpus], NO_WEAK_LABELS, tmp_path, teacher=teacher)
    distances = [line["teacher"] for line in log_of(path)]
    assert distances[-1] < 0.5 * distances[0]
    assert checkpoints.load(path).classes == {}


def test_a_teacher_and_its_objective_come_together(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="a teacher goes with a recipe"):
        train(TINY, [corpus], NO_WEAK_LABELS, tmp_path, teacher=load_teacher(whole_run))
    with pytest.raises(DataError, match="a teacher goes with a recipe"):
        train(replace(TINY, objective="teacher"), [corpus], NO_WEAK_LABELS, tmp_path)


def test_what_is_exported_is_the_average_of_the_weights(whole_run: Path) -> None:
    state = checkpoints.load(whole_run)
    learnt = [name for name, _ in ViT(TINY.model).named_parameters()]
    apart = [(state.ema[name] - state.model[name]).abs().max() for name in learnt]
    assert 0 < max(apart) < 1


def test_what_is_exported_has_the_statistics_of_the_pictures(whole_run: Path) -> None:
    average = checkpoints.load(whole_run).ema
    seen = [average[name] for name in average if name.endswith("running_mean")]
    assert seen
    assert all(mean.abs().max() > 0 for mean in seen)


def test_a_catalogue_without_text_has_no_weak_labels_to_learn(
    corpus: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="the catalogue has no usable text"):
        train(WEAK, [corpus], NO_WEAK_LABELS, tmp_path)


def test_a_catalogue_with_one_class_is_refused_and_says_how_to_name_another(
    corpus: Corpus, tmp_path: Path
) -> None:
    same = replace(corpus, labels=[{"category": "disc"}] * len(corpus.ids))
    with pytest.raises(DataError, match="--task category=COLUMN"):
        train(TINY, [same], NO_WEAK_LABELS, tmp_path)


def test_a_task_with_one_class_is_left_out_of_several(corpus: Corpus, tmp_path: Path) -> None:
    labels = [{**row, "category": "disc"} for row in corpus.labels]
    path = train(SHORT, [replace(corpus, labels=labels)], NO_WEAK_LABELS, tmp_path)
    assert set(checkpoints.load(path).classes) == {"colour"}


def test_the_caller_hears_how_far_it_is(corpus: Corpus, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    train(
        SHORT,
        [corpus],
        NO_WEAK_LABELS,
        tmp_path,
        on_step=lambda done, steps, loss: heard.append((done, steps)),
    )
    assert heard == [(1, 24), (21, 24), (24, 24)]


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    def interrupt(done: int, steps: int, loss: float) -> None:
        if done > 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(TINY, [corpus], NO_WEAK_LABELS, tmp_path, on_step=interrupt, save_seconds=0)
    path = tmp_path / "checkpoint.pt"
    assert checkpoints.load(path).step == 20
    train(TINY, [corpus], NO_WEAK_LABELS, tmp_path)
    assert_equal(checkpoints.load(path), checkpoints.load(whole_run))


def test_a_finished_run_is_not_trained_further(corpus: Corpus, tmp_path: Path) -> None:
    path = train(SHORT, [corpus], NO_WEAK_LABELS, tmp_path)
    before, log = checkpoints.load(path), (tmp_path / "log.jsonl").read_text()
    train(SHORT, [corpus], NO_WEAK_LABELS, tmp_path)
    assert_equal(before, checkpoints.load(path))
    assert (tmp_path / "log.jsonl").read_text() == log


def test_validation_rows_are_not_trained_on(corpus: Corpus, tmp_path: Path) -> None:
    pixels = np.array(corpus.pixels)
    pixels[corpus.held_out] = 255 - pixels[corpus.held_out]
    labels = [
        {"colour": "held out", "category": "held out"} if held else row
        for row, held in zip(corpus.labels, corpus.held_out, strict=True)
    ]
    spoiled = replace(corpus, pixels=pixels, labels=labels)
    first = train(SHORT, [corpus], NO_WEAK_LABELS, tmp_path / "first")
    second = train(SHORT, [spoiled], NO_WEAK_LABELS, tmp_path / "second")
    assert_equal(checkpoints.load(first), checkpoints.load(second))
    # The same pictures do show once they are trained on.
    shown = replace(corpus, pixels=pixels, held_out=np.zeros_like(corpus.held_out))
    third = checkpoints.load(train(SHORT, [shown], NO_WEAK_LABELS, tmp_path / "third"))
    assert not torch.equal(third.model["head.weight"], checkpoints.load(first).model["head.weight"])


def test_tasks_know_the_labels_of_trained_rows_from_every_source(corpus: Corpus) -> None:
    held = np.array([row["colour"] == "Red" for row in corpus.labels])
    without_red = replace(corpus, held_out=held)
    assert vocabularies_of([without_red])["colour"].labels == ("Blue", "Green", "Yellow")
    labels = [{"colour": "Red" if i % 2 else "Mauve"} for i in range(len(held))]
    other = replace(corpus, labels=labels)
    both = vocabularies_of([without_red, other])
    assert both["colour"].labels == ("Blue", "Green", "Mauve", "Red", "Yellow")
    assert set(both) == {"category", "colour"}


def test_another_seed_is_another_run(corpus: Corpus, tmp_path: Path) -> None:
    first = checkpoints.load(train(SHORT, [corpus], NO_WEAK_LABELS, tmp_path / "0"))
    second = checkpoints.load(
        train(replace(SHORT, seed=1), [corpus], NO_WEAK_LABELS, tmp_path / "1")
    )
    assert not torch.equal(first.model["head.weight"], second.model["head.weight"])


def test_a_run_of_another_config_is_refused_with_the_way_out(
    corpus: Corpus, whole_run: Path
) -> None:
    before = whole_run.read_bytes()
    with pytest.raises(CheckpointError, match="another config; choose another --out, or remove it"):
        train(replace(TINY, learning_rate=1e-4), [corpus], NO_WEAK_LABELS, whole_run.parent)
    assert whole_run.read_bytes() == before


def test_a_run_on_other_labels_is_refused(corpus: Corpus, whole_run: Path) -> None:
    labels = [
        {**row, "colour": "Violet"} if row["colour"] == "Red" else row for row in corpus.labels
    ]
    with pytest.raises(CheckpointError, match="other data or labels than these"):
        train(TINY, [replace(corpus, labels=labels)], NO_WEAK_LABELS, whole_run.parent)


def test_a_damaged_checkpoint_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\3\4 and nothing after")
    with pytest.raises(CheckpointError, match="is damaged"):
        train(TINY, [corpus], NO_WEAK_LABELS, tmp_path)


def test_a_run_may_begin_with_the_tower_of_another(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    # No step of any size: what comes out is what the run began with.
    still = replace(SHORT, learning_rate=0.0, seed=5)
    path = train(still, [corpus], NO_WEAK_LABELS, tmp_path, start=whole_run)
    before, after = checkpoints.load(whole_run), checkpoints.load(path)
    learnt = [name for name, _ in ViT(TINY.model).named_parameters()]
    assert all(torch.equal(before.ema[name], after.model[name]) for name in learnt)
    assert torch.equal(before.heads["colour.proxies"], after.heads["colour.proxies"])


def test_a_head_of_other_classes_is_begun_anew(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    labels = [{**row, "category": f"a {row['category']}"} for row in corpus.labels]
    still = replace(SHORT, learning_rate=0.0, seed=5)
    renamed = replace(corpus, labels=labels)
    path = train(still, [renamed], NO_WEAK_LABELS, tmp_path, start=whole_run)
    before, after = checkpoints.load(whole_run), checkpoints.load(path)
    assert torch.equal(before.heads["colour.proxies"], after.heads["colour.proxies"])
    assert not torch.equal(before.heads["category.proxies"], after.heads["category.proxies"])


def test_a_tower_of_another_shape_is_refused(
    corpus: Corpus, whole_run: Path, tmp_path: Path
) -> None:
    wider = replace(SHORT, model=replace(SHORT.model, width=64))
    with pytest.raises(CheckpointError, match="another shape"):
        train(wider, [corpus], NO_WEAK_LABELS, tmp_path / "run", start=whole_run)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
