"""The YAML of an ONNX file says all that the file does not, or is refused with its fields named."""

from pathlib import Path

import pytest
import yaml

from model_export.bundle import ExportError
from model_export.foreign import Normalisation
from model_export.sources.recipe import Recipe, read_recipe
from service.core.manifest import PreprocessSpec
from support.onnx_models import RECIPE


def write(folder: Path, text: str, name: str = "encoder.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / "encoder.onnx"


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ExportError) as refused:
        read_recipe(write(folder, text), None)
    message = str(refused.value)
    assert message.startswith(str(folder / "encoder.yaml"))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["encoder.yaml", "encoder.yml"])
def test_it_lies_beside_the_file_under_its_name(tmp_path: Path, name: str) -> None:
    recipe = read_recipe(write(tmp_path, yaml.safe_dump(RECIPE), name), None)
    assert recipe == Recipe.model_validate(RECIPE)


def test_another_file_may_be_named(tmp_path: Path) -> None:
    write(tmp_path, "beside: the file", "encoder.yaml")
    file = write(tmp_path, yaml.safe_dump(RECIPE), "other.yaml")
    assert read_recipe(file, tmp_path / "other.yaml").size == RECIPE["size"]


@pytest.mark.parametrize("given", [None, "missing.yaml"])
def test_without_one_nothing_is_guessed(tmp_path: Path, given: str | None) -> None:
    expected = given or "encoder.yaml"
    with pytest.raises(ExportError, match=rf"^no .*{expected}: .* write size, resize, interp"):
        read_recipe(tmp_path / "encoder.onnx", tmp_path / given if given else None)


@pytest.mark.parametrize(
    ("fields", "spec"),
    [
        ({"resize": "squash"}, {"resize": "squash"}),
        ({"resize": "shortest"}, {"resize": "shortest", "resize_side": 224}),
        ({"resize": "shortest", "crop_pct": 0.875}, {"resize": "shortest", "resize_side": 256}),
        ({"resize": "squash", "crop_pct": 0.9}, {"resize": "squash", "resize_side": 248}),
        ({"resize": "shortest", "resize_side": 240}, {"resize": "shortest", "resize_side": 240}),
        ({"resize": "pad", "background": [1, 2, 3]}, {"resize": "pad", "background": (1, 2, 3)}),
    ],
)
def test_every_way_to_resize_is_the_services(
    fields: dict[str, object], spec: dict[str, object]
) -> None:
    said = {**RECIPE, "size": 224, "crop_pct": None, **fields}
    expected = PreprocessSpec(size=224, interpolation="bicubic", decoding="faithful", **spec)
    assert Recipe.model_validate(said).spec() == expected


def test_the_range_scales_before_mean_and_deviation() -> None:
    recipe = Recipe.model_validate({**RECIPE, "range": [-1, 1], "channels": "bgr"})
    mean, std = tuple(RECIPE["mean"]), tuple(RECIPE["std"])
    assert recipe.normalisation() == Normalisation(mean, std, 2 / 255, -1.0, reverse=True)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"crop": 224}, "crop: Extra inputs are not permitted; known are size, resize, "),
        ({"mean": None}, "mean: "),
        ({"resize": "stretch"}, "resize: "),
        ({"resize_side": 36}, "resize_side and crop_pct say the same"),
        ({"std": [0.2, 0.0, 0.2]}, "std and range must not be empty"),
        ({"size": 5000}, "size"),
        ({"pooling": "map"}, "pooling: "),
    ],
)
def test_what_makes_no_sense_names_the_field(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    assert complaint in refusal(tmp_path, yaml.safe_dump({**RECIPE, **changes}))


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "size: [1,\n", "just words"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    refusal(tmp_path, text)


def test_missing_fields_are_all_named_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "size: 224\n")
    for field in ("resize", "interpolation", "mean", "std"):
        assert f"{field}: Field required" in message
