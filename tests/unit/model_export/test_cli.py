import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from model_export.cli import app
from model_export.cli_group import DefaultCommandGroup
from support.onnx_models import token_graph, write_onnx


def test_a_missing_checkpoint_is_one_line_and_status_2(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    missing = tmp_path / "a rather long name of a folder that would wrap" / "missing.pt"
    result = CliRunner().invoke(app, [str(missing), "--out", str(out)])
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"vitrine-export: no checkpoint at {missing}: train one with ")
    assert list(tmp_path.iterdir()) == []


def test_an_export_over_a_bundle_is_one_line_and_a_new_bundle(
    exported: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(exported / "bundle", out)
    (out / "stray.onnx").write_bytes(b"of the old bundle")
    options = ["--out", str(out), "--name", "second", "--version", "7", "--licence", "MIT"]
    card = tmp_path / "card.md"
    card.write_text("# Second\n")
    options += ["--text", str(exported / "text"), "--card", str(card)]
    result = CliRunner().invoke(app, [str(exported / "checkpoint.pt"), *options])
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    manifest = json.loads((out / "bundle.json").read_text())
    files = {file.name: file.stat().st_size for file in out.iterdir()}
    assert set(files) == {"bundle.json", "README.md", *manifest["files"]}
    megabytes = sum(files.values()) / 1e6
    assert line.startswith(
        f"{out}: second 7, {megabytes:.1f} MB, dim 16; parity over 42 pictures: cosine >= "
    )
    assert 0.15 < megabytes < 0.5
    for name, size in files.items():
        assert f" {name} {size / 1e6:.2f} MB" in line
    assert (manifest["name"], manifest["version"], manifest["licence"]) == ("second", "7", "MIT")


@pytest.mark.parametrize(
    "words",
    [
        ["{source}", "--out", "{out}"],
        ["run", "{source}", "--out", "{out}"],
        ["--out", "{out}", "{source}"],
        ["--out={out}", "{source}"],
    ],
)
def test_the_command_run_is_the_one_that_need_not_be_named(
    tmp_path: Path, words: list[str]
) -> None:
    source, out = tmp_path / "missing.pt", tmp_path / "bundle"
    given = [word.format(source=source, out=out) for word in words]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert f"no checkpoint at {source}" in result.stderr


def test_other_commands_are_found_by_their_names() -> None:
    group = typer.Typer(cls=DefaultCommandGroup)

    @group.command("run")
    def run(source: str) -> None:
        typer.echo(f"run {source}")

    @group.command("verify")
    def verify(bundle: str) -> None:
        typer.echo(f"verify {bundle}")

    def said(*words: str) -> str:
        return CliRunner().invoke(group, words).stdout.strip()

    assert said("bundle") == said("run", "bundle") == "run bundle"
    assert said("verify", "bundle") == "verify bundle"
    assert said("./verify") == "run ./verify"


def test_help_of_the_group_lists_its_commands_and_of_run_its_options() -> None:
    listed = CliRunner().invoke(app, ["--help"])
    assert listed.exit_code == 0
    assert "Commands" in listed.stdout
    assert "run" in listed.stdout
    assert "--licence" in CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "120"}).stdout


def refusal(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("vitrine-export: ")
    return line


def test_an_onnx_file_becomes_a_bundle_and_an_unstated_licence_is_pointed_out(
    tmp_path: Path,
) -> None:
    out = tmp_path / "bundle"
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    recipe = (tmp_path / "encoder.yaml").rename(tmp_path / "recipe.yaml")
    result = CliRunner().invoke(app, [str(file), "--preprocess", str(recipe), "--out", str(out)])
    assert result.exit_code == 0
    summary, hint = result.stderr.splitlines()
    assert summary.startswith(f"{out}: encoder 1, ")
    assert "dim 12; parity over 42 pictures: cosine >= " in summary
    assert hint == "the model states no licence: look it up, and say it by --licence"
    again = CliRunner().invoke(
        app, [str(file), "--preprocess", str(recipe), "--out", str(out), "--licence", "MIT"]
    )
    assert len(again.stderr.splitlines()) == 1
    assert json.loads((out / "bundle.json").read_text())["licence"] == "MIT"


def test_options_that_are_for_other_sources_are_refused(tmp_path: Path) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    out = ["--out", tmp_path / "bundle"]
    assert "--pooling is for models made elsewhere" in refusal("c.pt", *out, "--pooling", "cls")
    assert "--text is for a checkpoint" in refusal(file, *out, "--text", tmp_path)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("encoder.onnx", "not a model", "encoder.onnx cannot be read as an ONNX model"),
        ("encoder.yaml", "size: 32\nzoom: 2\n", "zoom: Extra inputs are not permitted; known are"),
        ("bundle", "precious", "bundle exists and is not a bundle"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_no_trace(
    tmp_path: Path, name: str, data: str, complaint: str
) -> None:
    file = write_onnx(tmp_path, token_graph(), pooling="cls")
    (tmp_path / name).write_text(data)
    before = {path.name for path in tmp_path.iterdir()}
    assert complaint in refusal(file, "--out", tmp_path / "bundle")
    assert {path.name for path in tmp_path.iterdir()} == before
