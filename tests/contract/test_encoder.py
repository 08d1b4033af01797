"""What every `Encoder` keeps to."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.adapters.onnx_encoder import OnnxEncoder
from service.core.keys import bundle_digest
from service.core.preprocess import preprocess
from service.core.types import Encoder, Pixels
from service.settings import DEFAULT_BUNDLE
from support.fakes import FakeEncoder
from support.pictures import photo


@pytest.fixture(scope="module", params=["onnx", "fake"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    onnx = request.param == "onnx"
    return OnnxEncoder(DEFAULT_BUNDLE, threads=1) if onnx else FakeEncoder(heads=True)


def pictures(encoder: Encoder, *seeds: int) -> Pixels:
    spec = encoder.manifest.preprocess
    return np.stack([preprocess(spec, photo(160, 120, seed=seed)) for seed in seeds])


def test_vectors_have_the_promised_width_and_unit_length(encoder: Encoder) -> None:
    vectors = encoder.encode(pictures(encoder, 0, 1, 2))
    assert vectors.shape == (3, encoder.manifest.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_batch_does_not_change_a_vector(encoder: Encoder) -> None:
    together = encoder.encode(pictures(encoder, 0, 1, 2, 3))
    alone = np.concatenate([encoder.encode(pictures(encoder, seed)) for seed in range(4)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_same_picture_gives_the_same_vector_and_another_another(encoder: Encoder) -> None:
    first, again, other = encoder.encode(pictures(encoder, 0, 0, 5))
    assert first @ again > 1 - 1e-5
    assert first @ other < 0.999


def test_it_says_what_it_runs(encoder: Encoder) -> None:
    assert encoder.bundle_digest == bundle_digest(encoder.manifest)
    assert encoder.provider == "cpu"


def test_threads_may_share_it(encoder: Encoder) -> None:
    expected = encoder.encode(pictures(encoder, *range(6)))
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda seed: encoder.encode(pictures(encoder, seed))[0], range(6)))
    np.testing.assert_allclose(np.stack(found), expected, atol=1e-5)


def test_naming_gives_the_vectors_and_of_every_head_shares_of_one(encoder: Encoder) -> None:
    images = pictures(encoder, 0, 1, 2)
    vectors, heads = encoder.classify(images)
    np.testing.assert_allclose(vectors, encoder.encode(images), atol=1e-5)
    assert list(heads) == [head.name for head in encoder.manifest.heads]
    for head in encoder.manifest.heads:
        shares = heads[head.name]
        assert shares.shape == (3, len(head.labels))
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-4)
