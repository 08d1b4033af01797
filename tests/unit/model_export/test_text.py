"""A text tower becomes text.onnx, which computes what torch computes, or the export is refused."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from tokenizers import Tokenizer

from model_export.bundle import ExportError
from model_export.text import read_text, write_text
from support.tiny_bundle import tiny_text
from training.checkpoint import CheckpointError


def test_the_graph_embeds_tokens_as_torch_does(exported: Path) -> None:
    source = read_text(exported / "text")
    tokens = np.random.default_rng(0).integers(0, 280, (9, 12), dtype=np.int64)
    file = exported / "bundle" / "text.onnx"
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1:]) == ("tokens", "tensor(int64)", [12])
    assert (made.name, made.type, made.shape[1:]) == ("embedding", "tensor(float)", [16])
    with torch.inference_mode():
        expected = source.tower(torch.from_numpy(tokens)).numpy()
    (vectors,) = session.run(None, {"tokens": tokens})
    np.testing.assert_allclose(vectors, expected, atol=5e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_file_holds_its_own_weights_in_half(exported: Path) -> None:
    model = onnx.load(exported / "bundle" / "text.onnx", load_external_data=False)
    large = [t for t in model.graph.initializer if np.prod(t.dims) >= 256]
    assert large
    assert {tensor.data_type for tensor in large} == {onnx.TensorProto.FLOAT16}
    external = onnx.TensorProto.EXTERNAL
    assert not [t.name for t in model.graph.initializer if t.data_location == external]


def test_writing_gives_the_manifest_entry_and_leaves_the_tower_as_it_was(tmp_path: Path) -> None:
    source = tiny_text(tmp_path / "text")
    before = source.tower.head.weight.clone()
    tower, parity = write_text(source, tmp_path)
    assert (tower.file, tower.tokenizer, tower.max_length) == ("text.onnx", "tokenizer.json", 12)
    assert parity.min_cosine >= 0.99999
    assert torch.equal(source.tower.head.weight, before)
    copied = (tmp_path / "tokenizer.json").read_bytes()
    assert copied == (tmp_path / "text" / "tokenizer.json").read_bytes()


def test_a_folder_without_a_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"text\.pt"):
        read_text(tmp_path)


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    tiny_text(tmp_path / "text")
    (tmp_path / "text" / "tokenizer.json").write_text("{")
    with pytest.raises(ExportError, match=r"tokenizer\.json cannot be read as a tokenizer"):
        read_text(tmp_path / "text")


def test_the_tokenizer_of_another_run_is_refused(tmp_path: Path) -> None:
    source = tiny_text(tmp_path / "text")
    tokenizer = Tokenizer.from_file(str(source.tokenizer))
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(source.tokenizer))
    with pytest.raises(ExportError, match=r"makes 20 of \d+ tokens, .*takes 12 of 300"):
        read_text(tmp_path / "text")
