"""A folder of `transformers`: pooled as its family does or as asked, or refused in one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from model_export.bundle import ExportError
from model_export.sources.families import FAMILIES
from model_export.sources.huggingface import read_huggingface
from service.core.manifest import PreprocessSpec
from support.foreign_models import SAVERS, SIZE, gemma_tokenizer, saved_once
from support.tiny_bundle import noise

Copy = Callable[..., Path]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "foreign"


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Copy:
    def model(family: str, **config: Any) -> Path:
        """A copy of a model that may be changed; fields of its config.json are."""
        folder = tmp_path / family
        shutil.copytree(saved_once(root, family), folder)
        change(folder / "config.json", **config)
        return folder

    return model


def change(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ExportError) as refused:
        read_huggingface(folder, **options)
    message = str(refused.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def embedded(folder: Path, pooling: str | None) -> torch.Tensor:
    model = read_huggingface(folder, pooling=pooling)
    with torch.inference_mode():
        return model.pictures.graph(torch.from_numpy(noise(3, SIZE)))


def hidden(family: str, folder: Path) -> torch.Tensor:
    """The last hidden states for the same pictures, by `transformers` alone."""
    raw = json.loads((folder / "preprocessor_config.json").read_text())
    mean, std = (np.array(raw[name]) for name in ("image_mean", "image_std"))
    pixels = ((noise(3, SIZE) / 255 - mean) / std).transpose(0, 3, 1, 2)
    model = hf.AutoModel.from_pretrained(folder).eval()
    vision = getattr(model, "vision_model", model)
    with torch.inference_mode():
        return vision(pixel_values=torch.from_numpy(pixels).float()).last_hidden_state


@pytest.mark.parametrize(
    ("family", "prefix"),
    [
        ("vit", 1), ("deit", 2), ("dinov2", 1), ("dinov2_with_registers", 4), ("dinov3_vit", 3),
        ("clip", 1), ("siglip", 0), ("swin", 0),
    ],
)  # fmt: skip
def test_gap_is_the_mean_over_patches_alone(root: Path, family: str, prefix: int) -> None:
    folder = saved_once(root, family)
    states = hidden(family, folder)
    assert states.shape[1] - prefix == 16
    expected = F.normalize(states[:, prefix:].mean(dim=1), dim=-1)
    torch.testing.assert_close(embedded(folder, "gap"), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", ["vit", "dinov3_vit"])
def test_cls_is_the_first_token(root: Path, family: str) -> None:
    folder = saved_once(root, family)
    expected = F.normalize(hidden(family, folder)[:, 0], dim=-1)
    torch.testing.assert_close(embedded(folder, "cls"), expected, atol=1e-4, rtol=0)


def test_clip_without_its_projection_is_another_space_and_has_no_words(root: Path) -> None:
    folder = saved_once(root, "clip")
    plain, own = (read_huggingface(folder, pooling=pooling) for pooling in ("cls", None))
    assert own.words is not None
    assert plain.words is None
    assert embedded(folder, "cls").shape[1] == 32
    assert embedded(folder, None).shape[1] == 24


def test_words_can_be_left_out(root: Path) -> None:
    assert read_huggingface(saved_once(root, "clip"), words=False).words is None


def test_siglip2_of_fixed_resolution_is_a_siglip_with_other_tokens(copy: Copy) -> None:
    """Lower case, as it was trained, and padded on the side that its tokenizer pads."""
    folder = copy("siglip")
    gemma_tokenizer().save_pretrained(folder)
    words = read_huggingface(folder).words
    assert words is not None
    theirs = hf.AutoTokenizer.from_pretrained(folder)
    texts = ["Red SHOES", "red shoes", "", "word " * 30]
    expected = theirs(texts, padding="max_length", truncation=True, max_length=16)["input_ids"]
    got = [encoding.ids for encoding in words.tokenizer.encode_batch(texts)]
    assert got == expected
    assert got[0] == got[1] != got[2]


def test_every_family_of_the_table_is_tested() -> None:
    assert set(SAVERS) == set(FAMILIES)


def test_what_the_models_say_of_pictures_is_what_the_bundle_says(root: Path) -> None:
    def spec(family: str) -> PreprocessSpec:
        return read_huggingface(saved_once(root, family), words=False).pictures.spec

    def cut(resize: str, side: int, interpolation: str = "bicubic") -> PreprocessSpec:
        return PreprocessSpec(
            size=SIZE,
            resize=resize,
            resize_side=side,
            interpolation=interpolation,
            decoding="faithful",
        )

    squash = PreprocessSpec(size=SIZE, resize="squash", decoding="faithful")
    assert spec("vit") == squash.model_copy(update={"interpolation": "bilinear"})
    assert spec("deit") == cut("squash", 37)
    assert spec("dinov2") == cut("shortest", 37)
    assert spec("clip") == cut("shortest", SIZE)
    assert spec("siglip") == squash
    assert spec("siglip2") == squash.model_copy(update={"interpolation": "bilinear"})


def test_settings_of_older_transformers_are_read_as_they_were_meant(copy: Copy) -> None:
    """Whole numbers for sizes, the names of feature extractors, and no filter."""
    folder = copy("clip")
    old = {
        "feature_extractor_type": "CLIPFeatureExtractor",
        "size": SIZE,
        "crop_size": SIZE,
        "do_center_crop": True,
        "do_resize": True,
        "do_normalize": True,
        "image_mean": [0.48, 0.45, 0.40],
        "image_std": [0.26, 0.26, 0.27],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(old))
    spec = read_huggingface(folder, words=False).pictures.spec
    assert (spec.resize, spec.resize_side, spec.interpolation) == ("shortest", SIZE, "bicubic")


def test_a_processor_within_another_file_is_found(copy: Copy) -> None:
    folder = copy("vit")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    nested = {"image_processor": {**settings, "resample": 1}}
    (folder / "processor_config.json").write_text(json.dumps(nested))
    assert read_huggingface(folder).pictures.spec.interpolation == "lanczos"


def test_the_licence_is_what_the_card_states(copy: Copy) -> None:
    folder = copy("vit")
    assert read_huggingface(folder).licence is None
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\ntags:\n- vision\n---\n# A model\n")
    assert read_huggingface(folder).licence == "cc-by-4.0"
    (folder / "README.md").write_text("# A model of nobody's\n")
    assert read_huggingface(folder).licence is None


def test_a_classifier_becomes_the_tower_within_it(root: Path, copy: Copy) -> None:
    """As a fine-tuned model is saved: its names have a prefix, and its classifier is left out."""
    folder = copy("vit")
    classifier = hf.ViTForImageClassification(hf.ViTConfig.from_pretrained(folder))
    tower = hf.ViTModel.from_pretrained(folder, add_pooling_layer=False)
    classifier.vit.load_state_dict(tower.state_dict())
    classifier.save_pretrained(folder)
    expected = embedded(saved_once(root, "vit"), None)
    torch.testing.assert_close(embedded(folder, None), expected)


# What is refused.


def test_without_a_preprocessor_nothing_is_guessed(copy: Copy) -> None:
    folder = copy("vit")
    (folder / "preprocessor_config.json").unlink()
    assert "has no preprocessor_config.json, and how its pictures are made is" in refusal(folder)


@pytest.mark.parametrize("model_type", ["bert", "resnet", "made-up", None])
def test_an_architecture_without_a_known_picture_tower_lists_the_known(
    copy: Copy, model_type: str | None
) -> None:
    message = refusal(copy("vit", model_type=model_type))
    assert (repr(model_type) if model_type else "names no model_type") in message
    assert "vit, deit, dinov2, dinov2_with_registers, dinov3_vit, clip, siglip, siglip2" in message


def test_a_pooling_that_the_family_lacks_lists_those_it_has(root: Path) -> None:
    message = refusal(saved_once(root, "vit"), pooling="map")
    assert "can be pooled by cls, gap, not by map" in message


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"do_resize": False}, "leaves pictures at any size"),
        ({"do_pad": True}, "pads pictures"),
        ({"resample": 0}, "resizes by filter 0"),
        ({"size": {"height": 32, "width": 16}}, "makes pictures of 32x16"),
        ({"size": {"shortest_edge": 32}}, "keeps the aspect ratio and crops nothing"),
        ({"size": {"shortest_edge": 24, "longest_edge": 32}}, "resizes to {'longest_edge': 32, "),
        (
            {"do_center_crop": True, "crop_size": {"height": 40, "width": 40}},
            "resizes to 32 and crops 40, which would need padding",
        ),
        ({"image_processor_type": "DetrImageProcessor"}, "is of a DetrImageProcessor, which is"),
        ({"image_mean": [0.5]}, "cannot be read as a ViTImageProcessor"),
        ({"size": {"height": 48, "width": 48}}, "takes pictures of 32 pixels, its image processor"),
    ],
)
def test_pictures_that_a_bundle_cannot_make_are_refused(
    copy: Copy, fields: dict[str, Any], complaint: str
) -> None:
    folder = copy("vit")
    change(folder / "preprocessor_config.json", **fields)
    assert complaint in refusal(folder)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_file_is_named(copy: Copy, file: str, text: str) -> None:
    folder = copy("vit")
    (folder / file).write_text(text)
    assert f"{folder / file} cannot be read" in refusal(folder)


def test_pictures_that_do_not_divide_into_patches_are_refused(copy: Copy) -> None:
    folder = copy("dinov2")
    size = {"height": 28, "width": 28}
    change(folder / "preprocessor_config.json", crop_size=size)
    assert "pictures of 28 pixels do not divide into patches of 8" in refusal(folder)


def test_pictures_that_the_tower_cannot_take_are_refused(root: Path, copy: Copy) -> None:
    """A tower for grey pictures: its files agree with each other, but not with colours."""
    folder = copy("vit")
    config = hf.ViTConfig.from_pretrained(folder, num_channels=1)
    hf.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    message = refusal(folder)
    assert "cannot be run on pictures of 32 pixels: " in message
    assert "channel" in message


def test_missing_weights_are_named(copy: Copy) -> None:
    folder = copy("vit")
    weights = load_file(folder / "model.safetensors")
    lost = [name for name in weights if "layernorm" in name]
    save_file({n: w for n, w in weights.items() if n not in lost}, folder / "model.safetensors")
    message = refusal(folder)
    assert "a ViTModel: layernorm.bias is missing; layernorm.weight is missing; " in message
    assert f"and {len(lost) - 3} more" in message


def test_weights_of_other_shapes_are_named(copy: Copy) -> None:
    folder = copy("vit", patch_size=4)
    assert "projection.weight is [32, 3, 8, 8] and should be [32, 3, 4, 4]" in refusal(folder)


def test_weights_that_are_not_there_or_damaged_are_named(copy: Copy) -> None:
    folder = copy("vit")
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert "cannot be read as a ViTModel" in refusal(folder)
    (folder / "model.safetensors").unlink()
    assert "cannot be read as a ViTModel" in refusal(folder)


def test_a_text_tower_needs_its_tokenizer(copy: Copy) -> None:
    folder = copy("clip")
    (folder / "tokenizer.json").write_text("{")
    assert "cannot be read as a tokenizer" in refusal(folder)
    (folder / "tokenizer.json").unlink()
    assert "or leave its words out with --pictures-only" in refusal(folder)


def test_the_tokenizer_of_another_model_is_refused(copy: Copy, root: Path) -> None:
    folder = copy("siglip")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(saved_once(root, "clip") / file, folder / file)
    assert "they are not of one model" in refusal(folder)
