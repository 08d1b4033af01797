"""The whole flow on a bundle of random weights: it cannot be good, but it must be counted right."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from service.adapters.evaluation_tasks import read_tasks
from service.core.preprocess import decode_for, preprocess
from service.core.tasks import Item
from service.core.types import Vectors
from support.fakes import FakeEncoder
from support.tiny_bundle import exported_once, noise
from support.tiny_photos import write_photos
from training import evaluate as command
from training.evaluate import evaluate_bundle, show
from training.evaluate_aims import AIMS, judged
from training.evaluate_encoders import Remembering, open_tiers
from training.evaluate_report import Evaluation, read_evaluation, write_evaluation
from training.evaluate_retrieval import PAIRS, evaluate_retrieval, limited
from training.labels import DataError
from training.sources import TASKS_FILE


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported_once(tmp_path_factory.getbasetemp() / "tiny-bundle") / "bundle"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def evaluation(bundle: Path, photos: Path) -> Evaluation:
    return evaluate_bundle(bundle, photos)


def without(bundle: Path, out: Path, **changes: object) -> Path:
    """A copy of a bundle that has less."""
    shutil.copytree(bundle, out)
    raw = json.loads((out / "bundle.json").read_text())
    (out / "bundle.json").write_text(json.dumps(raw | changes))
    return out


class FakeHeads(FakeEncoder):
    """An encoder whose one head is sure of nothing."""

    def classify(self, images: np.ndarray) -> tuple[Vectors, dict[str, np.ndarray]]:
        return self.encode(images), {"flat": np.full((len(images), 2), 0.5, np.float32)}


def test_each_pair_of_tiers_finds_what_a_recount_finds(
    bundle: Path, photos: Path, evaluation: Evaluation
) -> None:
    tiers = open_tiers(bundle)
    spec = tiers["best"].manifest.preprocess
    (task,) = (t for t in read_tasks(TASKS_FILE, photos) if t.name == "catalogue")

    def vectors(tier: str, items: list[Item]) -> Vectors:
        return tiers[tier].encode(
            np.stack([preprocess(spec, decode_for(spec, item.data)) for item in items])
        )

    queries, gallery = list(task.queries()), list(task.gallery())
    figures = {(r.query_tier, r.index_tier): r.result for r in evaluation.retrieval[::3]}
    assert tuple(figures) == PAIRS
    for (query_tier, index_tier), result in figures.items():
        assert result.name == "catalogue"
        cosines = vectors(query_tier, queries) @ vectors(index_tier, gallery).T
        hits = 0
        for query, row in zip(queries, cosines, strict=True):
            order = [gallery[i] for i in np.argsort(-row, kind="stable")]
            first = next(item for item in order if item.id != query.id)
            hits += first.labels == query.labels
        assert result.p1 == pytest.approx(hits / len(queries), abs=1.5 / len(queries))
    values = {result.map50 for result in figures.values()}
    assert len(values) == 4, "tiers that all answer alike would prove nothing"


def test_every_picture_runs_once_a_tier(photos: Path) -> None:
    encoders = {name: Remembering(FakeHeads()) for name in ("best", "balanced", "fast")}
    evaluate_retrieval(read_tasks(TASKS_FILE, photos), encoders)
    fashion, clothing, grocery = 60, 12, 36
    assert encoders["best"].runs == fashion + clothing + grocery
    assert encoders["fast"].runs == fashion + clothing + grocery
    # It only asks: 30 fashion photos, the street's, and the shelf's half.
    assert encoders["balanced"].runs == 30 + clothing + 18


def test_what_is_remembered_is_what_was_computed() -> None:
    encoder, images = Remembering(FakeHeads()), noise(6, size=32)
    mixed = images[[0, 1, 0, 2, 1]]
    first, again = encoder.classify(mixed), encoder.classify(images[:4])
    np.testing.assert_allclose(first[0], FakeHeads().encode(mixed), rtol=1e-6)
    np.testing.assert_allclose(again[0], FakeHeads().encode(images[:4]), rtol=1e-6)
    assert first[1]["flat"].shape == (5, 2)
    assert encoder.runs == 4


class Perfect(FakeHeads):
    """Reads the answer off the picture's bytes: one vector for each colour, shape and audience."""

    def __init__(self, answers: dict[bytes, tuple[str, ...]]) -> None:
        super().__init__()
        self._answers = answers
        self._names = sorted(set(answers.values()))

    def encode(self, images: np.ndarray) -> Vectors:
        rows = [self._names.index(self._answers[image.tobytes()]) for image in images]
        return np.eye(len(self._names), dtype=np.float32)[rows]


def test_a_perfect_encoder_gets_1(photos: Path) -> None:
    spec = FakeEncoder().manifest.preprocess
    (task,) = (t for t in read_tasks(TASKS_FILE, photos) if t.name == "catalogue")
    answers = {
        preprocess(spec, decode_for(spec, item.data)).tobytes(): item.labels
        for item in task.gallery()
    }
    encoder = Perfect(answers)
    ((found,), skipped) = evaluate_retrieval([task], {"best": encoder})
    assert (found.result.p1, set(found.result.p1_by_label.values())) == (1.0, {1.0})
    assert found.result.p1 > found.result.chance
    assert len(skipped) == 3
    assert all("no tier" in sentence for sentence in skipped)


def test_a_limit_asks_the_first_queries_of_the_whole_gallery(photos: Path) -> None:
    (task,) = (t for t in read_tasks(TASKS_FILE, photos) if t.name == "catalogue")
    few = limited(task, 3)
    assert list(few.queries()) == list(task.queries())[:3]
    assert len(list(few.gallery())) == 60
    assert limited(task, None) is task


def test_json_keeps_everything(evaluation: Evaluation, tmp_path: Path) -> None:
    write_evaluation(tmp_path / "evaluation.json", evaluation)
    assert read_evaluation(tmp_path / "evaluation.json") == evaluation
    assert {cost.tier: cost.patch for cost in evaluation.tiers} == {
        "best": 8,
        "balanced": 12,
        "fast": 24,
    }
    assert evaluation.tiers[0].ratio == 1
    sizes = evaluation.bundle.files
    assert evaluation.bundle.megabytes == pytest.approx(sum(sizes.values()))
    assert evaluation.skipped == []
    assert evaluation.text is not None
    assert evaluation.matches is not None
    assert len(evaluation.text.shown) == 10


def test_something_else_is_no_evaluation(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"bundle": 1}')
    for name in ("other.json", "absent.json"):
        with pytest.raises(DataError, match=r"--json .*json"):
            read_evaluation(tmp_path / name)


def test_aims_are_met_or_missed_by_a_margin(evaluation: Evaluation) -> None:
    assert [aim.name for aim in evaluation.aims] == [aim.name for aim in AIMS]
    by_name = {aim.name: aim for aim in evaluation.aims}
    size = by_name["bundle: MB"]
    assert size.margin == pytest.approx(40 - evaluation.bundle.megabytes)
    street = by_name["street: P@1"]
    assert street.margin == pytest.approx(evaluation.retrieval[1].result.p1 - 0.60)
    fast = by_name["fast: time of a picture over best's"]
    assert fast.figure == evaluation.tiers[2].ratio
    losses = [
        evaluation.retrieval[i].result.p1 - evaluation.retrieval[6 + i].result.p1 for i in range(3)
    ]
    lost = by_name["fast query on best index: points of P@1 lost, worst task"]
    assert lost.figure == pytest.approx(100 * max(losses))
    quick = replace(evaluation.tiers[2], tier="fast-int8", ratio=0.2)
    with_int8 = judged(replace(evaluation, tiers=[*evaluation.tiers, quick]))
    assert {aim.name: aim.figure for aim in with_int8}[fast.name] == 0.2
    nothing = replace(evaluation, retrieval=[], text=None, heads=[], tiers=[])
    unmeasured = [aim for aim in judged(nothing) if aim.figure is None]
    assert len(unmeasured) == len(AIMS) - 1
    assert {aim.margin for aim in unmeasured} == {None}


def test_a_bundle_that_has_less_is_told_what_was_skipped(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    manifest = json.loads((bundle / "bundle.json").read_text())
    image = {**manifest["image"], "tiers": manifest["image"]["tiers"][:1]}
    image["tiers"][0]["name"] = None
    less = without(bundle, tmp_path / "less", image=image, heads=[], text=None, calibration=None)
    app, out = Typer(), tmp_path / "evaluation.json"
    app.command()(command.run)
    arguments = [str(less), "--data", str(photos), "--limit", "4", "--json", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    for sentence in (
        "search by words: the bundle has no text tower",
        "heads: the bundle has none",
        "P(same product): the bundle is not calibrated",
        "queries of fast on an index of best: the bundle has no tier fast",
        "a look only: at most 4 queries",
        "not measured",
    ):
        assert sentence in result.output
    found = read_evaluation(out)
    assert found.limit == 4
    assert {(r.query_tier, r.index_tier) for r in found.retrieval} == {("best", "best")}


def test_a_folder_without_photos_ends_in_one_line(bundle: Path, tmp_path: Path) -> None:
    app = Typer()
    app.command()(command.run)
    result = CliRunner().invoke(app, [str(bundle), "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "no training photos in" in result.output


def test_every_table_is_shown(evaluation: Evaluation) -> None:
    console = Console(width=200, record=True, quiet=False, file=None)
    with console.capture() as captured:
        show(evaluation, console)
    text = captured.get()
    for title in ("retrieval", "text to picture", "heads", "P(same product)", "tiers", "aims"):
        assert title in text
    assert '"navy blue shirt men" finds' in text
    assert "met by" in text
    assert "MISSED by" in text
