import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from support.tiny_run import NO_WEAK_LABELS, TINY, shapes_corpus
from training import checkpoint as checkpoints
from training.calibrate import calibrate, fit_logistic, fit_temperature, neighbour_pairs
from training.checkpoint import Checkpoint
from training.corpus import Corpus
from training.labels import DataError
from training.splits import calibration_half
from training.trainer import train


def drawn(logits: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
    """A class for each row, with the probability that the logits give it."""
    return (logits + random.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.05, 0.2])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    cosines = random.uniform(-1, 1, (4000, 8)).astype(np.float32)
    labels = drawn(cosines / temperature, random)
    assert fit_temperature(cosines, labels) == pytest.approx(temperature, rel=0.1)


def test_the_curve_that_pairs_were_drawn_with_is_found() -> None:
    random = np.random.default_rng(0)
    cosines = random.uniform(0, 1, 20_000).astype(np.float32)
    same = random.random(len(cosines)) < 1 / (1 + np.exp(-(12 * cosines - 8)))
    curve = fit_logistic(cosines, same)
    assert curve.slope == pytest.approx(12, rel=0.1)
    assert curve.intercept == pytest.approx(-8, rel=0.1)


def test_a_clean_split_still_gives_a_curve_of_finite_slope() -> None:
    cosines = np.array([0.1, 0.2, 0.8, 0.9], dtype=np.float32)
    curve = fit_logistic(cosines, cosines > 0.5)
    assert 0 < curve.slope < 100


def test_pairs_are_a_query_and_each_of_its_nearest() -> None:
    gallery = np.eye(12, dtype=np.float32)
    queries = gallery[[3, 5]] * 0.9
    names = [f"p{i}" for i in range(12)]
    cosines, same = neighbour_pairs(queries, gallery, ["p3", "p0"], names)
    assert cosines.shape == same.shape == (20,)
    assert cosines[0] == pytest.approx(0.9)
    assert same.reshape(2, 10)[0].tolist() == [True] + [False] * 9
    assert not same.reshape(2, 10)[1, 0]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return shapes_corpus(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def checkpoint(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = train(TINY, [corpus], NO_WEAK_LABELS, tmp_path_factory.mktemp("run"))
    return checkpoints.load(path)


def test_a_run_is_calibrated_on_half_of_its_held_out_rows(
    checkpoint: Checkpoint, corpus: Corpus, tmp_path: Path
) -> None:
    fitted = calibrate(checkpoint, [corpus])
    assert set(fitted.temperatures) == {"category", "colour"}
    assert fitted.same_product.slope > 0
    fitted.save(tmp_path / "calibration.json")
    saved = json.loads((tmp_path / "calibration.json").read_text())
    assert saved["same_product"]["intercept"] == fitted.same_product.intercept
    assert [p.name for p in tmp_path.iterdir()] == ["calibration.json"]
    # What the other half is labelled changes nothing.
    labels = [
        row if calibration_half(id_) else {"colour": "Red"}
        for row, id_ in zip(corpus.labels, corpus.ids, strict=True)
    ]
    assert calibrate(checkpoint, [replace(corpus, labels=labels)]) == fitted


def test_pictures_of_one_product_are_pairs_where_there_are_several(
    checkpoint: Checkpoint, corpus: Corpus
) -> None:
    labels = [{**row, "product": f"{row['colour']} {row['category']}"} for row in corpus.labels]
    several = replace(corpus, labels=labels)
    fitted = calibrate(checkpoint, [several])
    assert fitted.same_product.slope > 0
    # A phone's view of a studio photo is easier: where there are real pairs, it has no say.
    assert calibrate(checkpoint, [corpus, several]).same_product == fitted.same_product
    assert calibrate(checkpoint, [corpus]).same_product != fitted.same_product


def test_without_a_labelled_row_there_is_nothing_to_fit(
    checkpoint: Checkpoint, corpus: Corpus
) -> None:
    with pytest.raises(DataError, match="nothing to calibrate on"):
        calibrate(checkpoint, [replace(corpus, labels=[{}] * len(corpus.ids))])
