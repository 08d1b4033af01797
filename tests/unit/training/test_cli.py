from pathlib import Path

import pytest
from typer.testing import CliRunner

from training.cli import app


@pytest.mark.parametrize("there", [True, False], ids=["empty folder", "no folder"])
def test_a_folder_without_photos_is_one_line_and_status_2(tmp_path: Path, there: bool) -> None:
    data = tmp_path / "a rather long name of a folder that would wrap a terminal line [bold]"
    if there:
        data.mkdir()
    out, cache = tmp_path / "run", tmp_path / "cache"
    options = ["--data", str(data), "--out", str(out), "--cache", str(cache)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"vitrine-train: no training photos in {data}: expected any of ")
    assert not out.exists()
    assert not cache.exists()


def test_an_unknown_recipe_is_refused_with_those_there_are(tmp_path: Path) -> None:
    options = ["--data", str(tmp_path), "--out", str(tmp_path / "run"), "--recipe", "fast"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "default, refine" in result.stderr
