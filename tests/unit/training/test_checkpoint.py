from dataclasses import replace
from pathlib import Path

import pytest
import torch

from support.tiny_run import TINY, untrained_checkpoint
from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint, CheckpointError
from training.config import RECIPES, Phase, RunConfig
from training.vit import ViTConfig


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        TINY,
        replace(TINY, model=ViTConfig(width=64, patch=32), phases=(Phase(5, ((8, 1.0),)),), seed=3),
        *RECIPES.values(),
    ],
    ids=["default", "tiny", "other", *RECIPES],
)
def test_a_config_survives_its_json(config: RunConfig) -> None:
    assert RunConfig.from_json(config.to_json()) == config


def test_phases_become_steps_in_order() -> None:
    large, small = Phase(48, ((24, 1.0),)), Phase(20, ((12, 1.0),))
    config = replace(TINY, phases=(large, small), batch=16)
    assert config.steps() == [large, large, large, small]


def checkpoint(**changes: object) -> Checkpoint:
    state = Checkpoint(TINY, 7, {"w": torch.arange(4.0)}, {"w": torch.zeros(4)}, {}, [], {}, "d")
    return replace(state, **changes)  # type: ignore[arg-type]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    classes = {"colour": ["Blue", "Red"]}
    saved = checkpoint(heads={"h": torch.ones(2)}, optimizer=[{"state": {}}], classes=classes)
    checkpoints.save(path, saved)
    loaded = checkpoints.load(path)
    assert (loaded.config, loaded.step, loaded.optimizer) == (TINY, 7, [{"state": {}}])
    assert (loaded.classes, loaded.data) == (classes, "d")
    for part in ("model", "ema", "heads"):
        mine, other = getattr(loaded, part), getattr(saved, part)
        assert all(torch.equal(mine[name], other[name]) for name in other)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_save_that_fails_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = untrained_checkpoint(tmp_path / "checkpoint.pt")
    unsaveable = checkpoint(optimizer=[{"state": (i for i in range(3))}])
    with pytest.raises(TypeError):
        checkpoints.save(path, unsaveable)
    assert checkpoints.load(path).step == 0


def test_a_missing_checkpoint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="vitrine-train"):
        checkpoints.load(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "foreign"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = untrained_checkpoint(tmp_path / "checkpoint.pt")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "foreign":
        torch.save([1, 2, 3], path)
    else:
        path.write_bytes(b"hello" if damage == "text" else b"")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is not a checkpoint of Vitrine"):
        checkpoints.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "has schema 99, this Vitrine reads 2"),
        ({"config": '{"model": {"wings": 2}, "phases": []}'}, "another version of Vitrine"),
        ({"config": "{"}, "another version of Vitrine"),
    ],
    ids=["schema", "unknown field", "no JSON"],
)
def test_a_checkpoint_of_another_vitrine_is_named(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = untrained_checkpoint(tmp_path / "checkpoint.pt")
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    with pytest.raises(CheckpointError, match=message):
        checkpoints.load(path)


def test_a_checkpoint_that_lacks_a_part_is_named(tmp_path: Path) -> None:
    path = untrained_checkpoint(tmp_path / "checkpoint.pt")
    raw = torch.load(path, weights_only=True)
    del raw["optimizer"]
    torch.save(raw, path)
    with pytest.raises(CheckpointError, match="'optimizer'"):
        checkpoints.load(path)
