"""What a run left behind is read as values, or refused."""

from pathlib import Path

import pytest
import torch

from model_export.bundle import ExportError
from model_export.run import Calibration, heads_of, read_calibration, tower_of
from support.tiny_bundle import CALIBRATION, tiny_checkpoint, tiny_tower
from training import checkpoint as checkpoints


def test_the_averaged_weights_are_the_tower(tmp_path: Path) -> None:
    tower = tower_of(checkpoints.load(tiny_checkpoint(tmp_path / "checkpoint.pt")))
    assert torch.equal(tower.head.weight, tiny_tower().head.weight)
    assert not tower.training


def test_heads_are_the_known_ones_with_their_own_temperature_or_the_runs(tmp_path: Path) -> None:
    state = checkpoints.load(tiny_checkpoint(tmp_path / "checkpoint.pt"))
    category, colour = heads_of(state, {"category": 0.1})
    assert (category.name, category.labels) == ("category", ("Bags", "Shirts", "Shoes"))
    assert torch.equal(category.proxies, state.heads["category.proxies"])
    assert (category.temperature, colour.temperature) == (0.1, 0.25)
    assert (category.output, colour.output) == ("head_category", "head_colour")


def test_a_run_without_calibration_has_none(tmp_path: Path) -> None:
    assert read_calibration(tmp_path / "calibration.json") == Calibration({}, None)


def test_a_calibration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(CALIBRATION)
    assert read_calibration(path) == Calibration(
        {"category": 0.1}, {"slope": 9.5, "intercept": -6.0}
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"temperatures": 1, "same_product": {"slope": 1, "intercept": 0}}',
        '{"temperatures": {}, "same_product": {"slope": 1}}',
        '{"temperatures": {"colour": "warm"}, "same_product": {"slope": 1, "intercept": 0}}',
    ],
)
def test_a_damaged_calibration_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(ExportError, match=r"calibration\.json cannot be read as a calibration"):
        read_calibration(path)
