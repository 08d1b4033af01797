"""What timm says of a model becomes the bundle's; a stand-in for timm says it here.

timm brings torchvision, so it is none of our dependencies. Its two functions that are called are
written down in `TIMM`, as of timm 1.0.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.bundle import ExportError
from model_export.sources.timm_models import read_timm
from service.core.manifest import PreprocessSpec
from support.tiny_bundle import noise

TIMM = """
import torch
from timm import data

class Model(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        torch.manual_seed(3)
        self.patch_embed = torch.nn.Conv2d(3, 12, 8, 8)
        self.patch_embed.patch_size = (8, 8)
        self.pretrained_cfg = config

    def forward(self, pixels):
        return self.patch_embed(pixels).tanh().mean(dim=(2, 3))

CONFIG = dict(input_size=(3, 32, 32), interpolation="bicubic", crop_pct=0.9, crop_mode="center",
              mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), license="apache-2.0")
CHANGES = dict(plain={}, squash=dict(crop_mode="squash", crop_pct=1.0), bilinear=dict(
    interpolation="bilinear", license=None), border=dict(crop_mode="border"),
    wide=dict(input_size=(3, 32, 64)), random=dict(interpolation="random"))

def create_model(name, pretrained=False, num_classes=None, exportable=None):
    assert (pretrained, num_classes, exportable) == (True, 0, True)
    name = name.removeprefix("local-dir:").rpartition("/")[2]
    if name not in CHANGES:
        raise RuntimeError(f"Unknown model ({name})")
    return Model({**CONFIG, **CHANGES[name]})
"""
DATA = """
def resolve_model_data_config(model):
    return {name: value for name, value in model.pretrained_cfg.items() if name != "license"}
"""


@pytest.fixture(autouse=True)
def _timm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "packages" / "timm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(TIMM)
    (package / "data.py").write_text(DATA)
    theirs = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("timm")}
    monkeypatch.syspath_prepend(package.parent)
    yield
    for name in ("timm", "timm.data"):
        sys.modules.pop(name, None)
    sys.modules.update(theirs)


def test_a_name_and_a_folder_give_the_model_with_all_that_timm_says(tmp_path: Path) -> None:
    for source in ("timm:plain", str(tmp_path / "plain")):
        model = read_timm(source)
        assert (model.name, model.licence, model.words) == ("plain", "apache-2.0", None)
        side = model.pictures
        assert (side.patch, side.tokens) == (8, 16)
        assert side.spec == PreprocessSpec(
            size=32,
            resize="shortest",
            resize_side=35,
            interpolation="bicubic",
            decoding="faithful",
        )


@pytest.mark.parametrize(
    ("name", "resize", "side", "interpolation"),
    [("squash", "squash", None, "bicubic"), ("bilinear", "shortest", 35, "bilinear")],
)
def test_ways_to_crop_and_to_resize_are_carried_over(
    name: str, resize: str, side: int | None, interpolation: str
) -> None:
    spec = read_timm(f"timm:{name}").pictures.spec
    assert (spec.resize, spec.resize_side, spec.interpolation) == (resize, side, interpolation)


def test_pictures_are_normalised_as_it_says() -> None:
    graph = read_timm("timm:plain").pictures.graph
    images = noise(5, 32)
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
    pixels = torch.from_numpy(((images / 255 - mean) / std).transpose(0, 3, 1, 2)).float()
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(graph.tower(pixels), dim=-1)
        torch.testing.assert_close(graph(torch.from_numpy(images)), expected)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("no_such", "timm cannot make timm:no_such: Unknown model (no_such)"),
        ("border", "timm:border crops by border and resizes by bicubic: not known here"),
        ("random", "timm:random crops by center and resizes by random: not known here"),
        ("wide", "timm:wide takes pictures of (3, 32, 64): a bundle's are square"),
    ],
)
def test_what_cannot_be_a_bundle_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ExportError) as refused:
        read_timm(f"timm:{name}")
    assert str(refused.value) == complaint
