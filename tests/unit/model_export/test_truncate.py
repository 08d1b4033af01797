"""Shorter vectors: the space they keep, the heads they leave alone, the curve that goes along."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from model_export.bundle import ExportError
from model_export.gate import GateSample, Pictures
from model_export.truncate import Cut, fit, recalibrated, truncated
from model_export.verdict import GateError, Limits
from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.keys import bundle_digest
from support.tiny_bundle import noise

LENIENT = Limits(p_at_1_loss=1, top10_loss=1)
PICTURES = Pictures(GateSample(noise(24), ["a", "b"] * 12), noise(12))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def in_a_corner(n: int = 60, before: int = 32, inside: int = 6) -> np.ndarray:
    """Vectors of many dimensions that lie in a space of few."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(before, inside)))[0]
    return unit(rng.normal(size=(n, inside)) @ basis.T)


def test_pca_keeps_every_cosine_of_vectors_that_lie_in_as_few_dimensions() -> None:
    vectors = in_a_corner()
    short = unit(vectors @ fit(vectors[:30], Cut(6)).astype(np.float32))
    np.testing.assert_allclose(short @ short.T, vectors @ vectors.T, atol=3e-3)
    lost = unit(vectors @ fit(vectors, Cut(3)).astype(np.float32))
    assert np.abs(lost @ lost.T - vectors @ vectors.T).max() > 0.1


def test_a_prefix_is_the_first_dimensions_as_they_are() -> None:
    vectors = in_a_corner()
    np.testing.assert_array_equal(vectors @ fit(vectors[:1], Cut(5, "prefix")), vectors[:, :5])


def test_the_matrix_does_not_depend_on_the_order_of_the_pictures() -> None:
    vectors = in_a_corner()
    np.testing.assert_allclose(fit(vectors[::-1], Cut(6)), fit(vectors, Cut(6)), atol=2e-3)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (Cut(32), "--dim is from 2 to 31, since the bundle has 32: not 32"),
        (Cut(1), "not 1"),
        (Cut(31), "needs at least 31 pictures besides those that judge it, not 20"),
    ],
)
def test_what_cannot_be_fitted_is_said(cut: Cut, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        fit(in_a_corner(20), cut)


@pytest.mark.parametrize("method", ["pca", "prefix"])
def test_a_bundle_is_shortened_as_a_whole(exported: Path, tmp_path: Path, method: str) -> None:
    """Every tier and the text by one matrix; the heads say what they said."""
    before, folder = exported / "bundle", tmp_path / "bundle"
    shutil.copytree(before, folder)
    old = read_bundle(before)
    new = truncated(folder, old, PICTURES, Cut(8, method), LENIENT)
    (folder / "bundle.json").write_text(new.model_dump_json())
    assert read_bundle(folder) == new
    assert (new.dim, new.quality) == (8, {})
    assert new.truncation is not None
    assert (new.truncation.method, new.truncation.of_dim) == (method, 16)
    assert (new.truncation.pictures, new.truncation.labelled) == (24, 24)
    assert bundle_digest(new) != bundle_digest(old)
    spared = OnnxEncoder(before).encode(PICTURES.spare)
    matrix = fit(spared, Cut(8, method)).astype(np.float32)
    for tier in ("best", "balanced", "fast"):
        long, said = OnnxEncoder(before, tier=tier).classify(PICTURES.gate.pixels)
        short, says = OnnxEncoder(folder, tier=tier).classify(PICTURES.gate.pixels)
        np.testing.assert_allclose(short, unit(long @ matrix), atol=1e-5)
        for name, probabilities in said.items():
            np.testing.assert_allclose(says[name], probabilities, atol=1e-6)
    texts = ["red shirt", "a bag"]
    long, short = (OnnxTextEncoder(where).encode(texts) for where in (before, folder))
    np.testing.assert_allclose(short, unit(long @ matrix), atol=1e-5)


def test_a_truncation_that_costs_too_much_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(exported / "bundle", folder)
    with pytest.raises(GateError, match=r"2 of 16 dimensions are refused: .* of the top 10 differ"):
        truncated(folder, read_bundle(folder), PICTURES, Cut(2), Limits())


def test_probabilities_go_along_with_the_cosines() -> None:
    """Where cosines after are a line of those before, every probability stays as it was."""
    before = in_a_corner(40, before=8, inside=2)
    # An added constant direction squeezes all cosines towards one: a line of slope 1/2.
    after = unit(np.hstack([before, np.ones((40, 1))]))
    curve = recalibrated({"slope": 8.0, "intercept": -6.0}, before, after)
    old, new = before @ before.T, after @ after.T
    expected = 8.0 * old - 6.0
    np.testing.assert_allclose(curve["slope"] * new + curve["intercept"], expected, atol=1e-3)
