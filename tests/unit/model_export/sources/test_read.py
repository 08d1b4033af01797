"""What is named decides what it is read as; what is none of them is refused in one line."""

import importlib.util
from pathlib import Path

import pytest

from model_export.bundle import ExportError
from model_export.sources.read import is_checkpoint, read_source
from support.foreign_models import saved_once
from support.onnx_models import token_graph, write_onnx


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "foreign"


def refusal(source: object, **options: object) -> str:
    with pytest.raises(ExportError) as refused:
        read_source(str(source), **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_folder_of_transformers_is_called_as_its_folder_is(root: Path) -> None:
    assert read_source(str(saved_once(root, "vit"))).name == "vit"


def test_an_onnx_file_is_one_by_its_name(tmp_path: Path) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    assert read_source(str(file)).name == "encoder"
    elsewhere = tmp_path / "other.yaml"
    (tmp_path / "encoder.yaml").rename(elsewhere)
    assert read_source(str(file), recipe=elsewhere).name == "encoder"
    assert "no ONNX file at " in refusal(tmp_path / "missing.onnx")
    assert "how an ONNX file is pooled stands in its YAML" in refusal(file, pooling="cls")


@pytest.mark.parametrize(("source", "is_one"), [("a/c.pt", True), ("c.pth", True), ("c", False)])
def test_a_checkpoint_is_one_by_its_name(source: str, is_one: bool) -> None:
    assert is_checkpoint(source) is is_one


def test_other_files_and_folders_are_refused(tmp_path: Path, root: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.touch()
    assert f"{photo} is no .onnx file, no checkpoint.pt, and no folder of a" in refusal(photo)
    assert f"{tmp_path} has no config.json" in refusal(tmp_path)
    vit = saved_once(root, "vit")
    assert "--preprocess is for ONNX files" in refusal(vit, recipe=tmp_path / "vit.yaml")


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_a_model_of_timm_needs_timm(tmp_path: Path) -> None:
    name = "timm:vit_tiny_patch16_224"
    assert refusal(name) == (
        f"{name} is a model of timm, which is not installed here: pip install timm"
    )
    (tmp_path / "config.json").write_text('{"architecture": "vit", "pretrained_cfg": {}}')
    assert "pip install timm" in refusal(tmp_path)


def test_a_model_of_timm_pools_as_it_was_trained() -> None:
    assert "leave out --pooling" in refusal("timm:vit_tiny_patch16_224", pooling="gap")
