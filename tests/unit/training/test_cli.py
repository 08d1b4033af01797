from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.tiny_run import untrained_checkpoint
from training.cli import app


@pytest.mark.parametrize("there", [True, False], ids=["empty folder", "no folder"])
def test_a_folder_without_photos_is_one_line_and_status_2(tmp_path: Path, there: bool) -> None:
    data = tmp_path / "a rather long name of a folder that would wrap a terminal line [bold]"
    if there:
        data.mkdir()
    out, cache = tmp_path / "run", tmp_path / "cache"
    options = ["images", "--data", str(data), "--out", str(out), "--cache", str(cache)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"vitrine-train: no training photos in {data}: expected any of ")
    assert not out.exists()
    assert not cache.exists()


def test_an_unknown_recipe_is_refused_with_those_there_are(tmp_path: Path) -> None:
    options = ["images", "--data", str(tmp_path), "--recipe", "fast"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "multitask, refine, pretrain" in result.stderr


@pytest.mark.parametrize("command", ["images", "texts", "calibrate"])
def test_one_of_a_catalogue_and_the_photos_is_named(tmp_path: Path, command: str) -> None:
    run = untrained_checkpoint(tmp_path / "checkpoint.pt").parent
    own = [] if command == "images" else ["--run", str(run)]
    for named in ([], [str(tmp_path / "shop.csv"), "--data", str(tmp_path)]):
        result = CliRunner().invoke(app, [command, *named, *own])
        assert result.exit_code == 2
        assert "one of the two" in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("option", ["colour", "=shade", "colour="])
def test_a_task_without_its_column_is_refused(tmp_path: Path, option: str) -> None:
    result = CliRunner().invoke(app, ["images", str(tmp_path / "shop.csv"), "--task", option])
    assert result.exit_code == 2
    assert "NAME=COLUMN" in result.stderr


@pytest.mark.parametrize("command", ["texts", "calibrate"])
def test_a_run_that_is_not_there_says_how_to_make_one(tmp_path: Path, command: str) -> None:
    options = [command, "--data", str(tmp_path), "--run", str(tmp_path / "none")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "train one with `vitrine-train images`" in line


def test_a_missing_catalogue_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["images", str(tmp_path / "no.csv"), "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "no.csv: does not exist" in result.stderr
