"""Figures of a variant are those of its vectors against its tier's, on the same pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from model_export.bundle import ExportError
from model_export.gate import BATCHES, GateSample, measure, pictures_of, quality
from model_export.sample import Sample, read_sample
from model_export.speed import images_per_second
from service.core.errors import BundleError, ProviderUnavailableError
from service.core.manifest import PreprocessSpec
from support.hand_made_bundle import SIZE, hue_bundle, shapes_catalogue

COUNT = 40
SPEC = PreprocessSpec(size=SIZE)


def weighted(source: Path, path: Path, weights: tuple[float, float, float]) -> Path:
    """A graph of hues whose channels count differently."""
    model = onnx.load(source)
    (index,) = [i for i, node in enumerate(model.graph.node) if node.output[0] == "raw"]
    model.graph.node[index].output[0] = "even"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(weights), "weights"))
    model.graph.node.insert(index + 1, helper.make_node("Mul", ["even", "weights"], ["raw"]))
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hue/image.onnx` and variants of it: `near.onnx`, `blind.onnx`; not to be changed."""
    folder = tmp_path_factory.mktemp("gate")
    hue = hue_bundle(folder / "hue") / "image.onnx"
    weighted(hue, folder / "near.onnx", (1.0, 1.01, 0.99))
    weighted(hue, folder / "blind.onnx", (1.0, 1e-6, 1e-6))
    weighted(hue, folder / "nan.onnx", (1.0, np.nan, 1.0))
    shapes_catalogue(folder / "shapes.parquet", COUNT)
    return folder


@pytest.fixture(scope="module")
def drawn(folder: Path) -> Sample:
    return read_sample([folder / "shapes.parquet"], count=COUNT)


@pytest.fixture(scope="module")
def sample(drawn: Sample) -> GateSample:
    return pictures_of(drawn, SPEC, 0).gate


def hues(sample: GateSample, weights: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    means = sample.pixels.astype(np.float64).mean(axis=(1, 2))
    raw = (means - means.mean(axis=1, keepdims=True)) * weights
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def fixed_rates(
    runs: Mapping[str, Callable[[], object]], images: int, rounds: int
) -> dict[str, float]:
    """As if the tier made 100 images a second and each variant twice as many as the one before."""
    for run in runs.values():
        assert np.asarray(run()).shape == (images, 3)
    return {name: 100.0 * 2**i for i, name in enumerate(runs)}


def test_a_sample_is_seen_as_the_bundle_sees_it(drawn: Sample, sample: GateSample) -> None:
    assert sample.pixels.shape == (COUNT, SIZE, SIZE, 3)
    assert sample.pixels.dtype == np.uint8
    assert sample.labels == drawn.labels


def test_pictures_to_fit_to_are_kept_apart(drawn: Sample, sample: GateSample) -> None:
    few = pictures_of(drawn, SPEC, 6)
    np.testing.assert_array_equal(few.gate.pixels, sample.pixels[:-6])
    np.testing.assert_array_equal(few.spare, sample.pixels[-6:])
    assert few.gate.labels == sample.labels[:-6]
    assert len(pictures_of(drawn, SPEC, 64).spare) == COUNT // 4
    with pytest.raises(ExportError, match="7 pictures say nothing of a catalogue"):
        pictures_of(Sample(drawn.images[:7], drawn.labels[:7]), SPEC, 6)


def test_figures_are_of_the_vectors_of_both(folder: Path, sample: GateSample) -> None:
    candidates = {name: folder / f"{name}.onnx" for name in ("near", "blind")}
    gates = measure("best", folder / "hue" / "image.onnx", candidates, sample, timer=fixed_rates)
    near, blind = gates["near"], gates["blind"]
    cosines = (hues(sample) * hues(sample, (1.0, 1.01, 0.99))).sum(axis=1)
    assert near.cosine_mean == pytest.approx(cosines.mean(), abs=1e-5)
    assert near.cosine_p1 == pytest.approx(np.percentile(cosines, 1), abs=1e-5)
    assert (near.of, near.recipe, near.pictures, near.labelled) == ("best", "near", COUNT, COUNT)
    assert (near.p_at_1, near.p_at_1_change, near.p_at_1_error) == (1, 0, 0)
    assert near.top10_agreement > 0.7 > blind.top10_agreement
    assert blind.cosine_p1 < blind.cosine_mean < near.cosine_p1
    assert blind.p_at_1_change is not None
    assert blind.p_at_1_change < -0.2
    assert [(r.batch, r.before, r.after) for r in near.rates] == [(1, 100, 200), (8, 100, 200)]
    assert [(r.batch, r.before, r.after) for r in blind.rates] == [(1, 100, 400), (8, 100, 400)]
    assert near.timed_on.startswith("cpu, ")


def test_a_tier_is_as_good_as_itself_and_really_timed(folder: Path, sample: GateSample) -> None:
    tier = folder / "hue" / "image.onnx"

    def hasty(
        runs: Mapping[str, Callable[[], object]], images: int, rounds: int
    ) -> dict[str, float]:
        return images_per_second(runs, images, rounds // 5)

    gate = measure("best", tier, {"same": tier}, sample, timer=hasty)["same"]
    assert (gate.cosine_mean, gate.top10_agreement, gate.p_at_1_change) == (1, 1, 0)
    assert [rate.batch for rate in gate.rates] == list(BATCHES)
    assert all(0.1 < rate.after / rate.before < 10 for rate in gate.rates)


def test_what_no_device_is_there_for_is_judged_and_not_timed(
    folder: Path, sample: GateSample
) -> None:
    tier = folder / "hue" / "image.onnx"
    gate = measure("best", tier, {"same": tier}, sample, provider=None, timer=fixed_rates)["same"]
    assert gate.top10_agreement == 1
    assert (gate.rates, gate.timed_on) == ((), "")


def test_the_error_of_the_change_is_that_of_pairs(sample: GateSample) -> None:
    before, after = hues(sample), hues(sample, (1.0, 1e-6, 1e-6))
    figures = quality(before, after, sample.labels)
    right = []
    for vectors in (before, after):
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -np.inf)
        names = np.array(sample.labels)
        right.append(names[np.argsort(-similarity, axis=1, kind="stable")[:, 0]] == names)
    change = right[1].astype(float) - right[0]
    assert figures.p_at_1 == pytest.approx(right[0].mean(), abs=1e-4)
    assert figures.p_at_1_change == pytest.approx(change.mean(), abs=1e-4)
    assert figures.p_at_1_error == pytest.approx(change.std() / COUNT**0.5, abs=1e-4)


def test_without_labels_nothing_is_said_of_them(sample: GateSample) -> None:
    figures = quality(hues(sample), hues(sample), [None] * COUNT)
    assert (figures.labelled, figures.p_at_1, figures.p_at_1_change) == (0, None, None)
    assert figures.top10_agreement == 1


def test_few_pictures_have_as_many_neighbours_as_there_are(sample: GateSample) -> None:
    assert quality(hues(sample)[:4], hues(sample)[:4], [None] * 4).top10_agreement == 1
    with pytest.raises(ExportError, match="one picture has no neighbours: take a larger sample"):
        quality(hues(sample)[:1], hues(sample)[:1], [None])


def test_vectors_that_are_no_numbers_are_no_candidates(folder: Path, sample: GateSample) -> None:
    tier, broken = folder / "hue" / "image.onnx", folder / "nan.onnx"
    gates = measure("best", tier, {"nan": broken, "same": tier}, sample, provider=None)
    assert set(gates) == {"same"}
    with pytest.raises(ExportError, match="tier best makes vectors of no finite numbers"):
        measure("best", broken, {"same": tier}, sample, provider=None)


def test_a_graph_that_cannot_run_is_named(folder: Path, sample: GateSample) -> None:
    tier = folder / "hue" / "image.onnx"
    with pytest.raises(BundleError, match=r"shapes\.parquet cannot be loaded"):
        measure("best", tier, {"odd": folder / "shapes.parquet"}, sample)
    with pytest.raises(ProviderUnavailableError, match="no provider 'tpu'"):
        measure("best", tier, {"same": tier}, sample, provider="tpu")
