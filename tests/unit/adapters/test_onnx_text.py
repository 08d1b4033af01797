"""The text encoder embeds words where the pictures are, or says why it cannot."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from service.adapters.onnx_text import OnnxTextEncoder
from service.core.errors import BundleError
from service.core.types import TextEncoder


def changed(tiny: Path, folder: Path, tokenizer: str | None = None, **changes: object) -> Path:
    """A copy of the bundle whose manifest says something else, or whose tokenizer is another."""
    shutil.copytree(tiny, folder)
    manifest = json.loads((tiny / "bundle.json").read_text())
    if tokenizer is not None:
        (folder / "tokenizer.json").write_text(tokenizer)
        manifest["files"]["tokenizer.json"] = hashlib.sha256(tokenizer.encode()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps({**manifest, **changes}))
    return folder


def test_texts_become_unit_vectors_of_the_pictures_space(tiny: Path) -> None:
    encoder: TextEncoder = OnnxTextEncoder(tiny, threads=1)
    texts = ["navy blue shirt men", "Navy  Blue", "", "leather bag " * 50, "été 👜"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (5, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len({vector.tobytes() for vector in vectors}) == 5


def test_a_text_is_the_same_alone_and_among_others_and_in_any_case(tiny: Path) -> None:
    encoder = OnnxTextEncoder(tiny, threads=1)
    (alone,) = encoder.encode(["red shoes"])
    _, among, upper = encoder.encode(["a bag", "red shoes", "RED Shoes"])
    np.testing.assert_allclose(alone, among, atol=1e-5)
    np.testing.assert_allclose(among, upper, atol=1e-5)


def test_a_bundle_without_a_text_tower_searches_by_picture_only(tiny: Path, tmp_path: Path) -> None:
    folder = changed(tiny, tmp_path / "bundle", text=None)
    with pytest.raises(BundleError, match="searches by picture only"):
        OnnxTextEncoder(folder)


def test_another_length_than_the_manifests_is_refused(tiny: Path, tmp_path: Path) -> None:
    text = {"file": "text.onnx", "tokenizer": "tokenizer.json", "max_length": 13}
    with pytest.raises(BundleError, match=r"text\.onnx is not the graph.*tokens"):
        OnnxTextEncoder(changed(tiny, tmp_path / "bundle", text=text))


@pytest.mark.parametrize("spoiled", ["padding", "truncation"])
def test_a_tokenizer_that_makes_other_lengths_is_refused(
    tiny: Path, tmp_path: Path, spoiled: str
) -> None:
    tokenizer = json.loads((tiny / "tokenizer.json").read_text())
    folder = changed(tiny, tmp_path / "bundle", json.dumps({**tokenizer, spoiled: None}))
    with pytest.raises(BundleError, match=r"tokenizer\.json makes texts of .*says 12"):
        OnnxTextEncoder(folder)


def test_what_is_no_tokenizer_is_refused_and_named(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"tokenizer\.json cannot be read as a tokenizer"):
        OnnxTextEncoder(changed(tiny, tmp_path / "bundle", "{}"))
