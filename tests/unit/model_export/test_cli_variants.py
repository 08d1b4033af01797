"""The commands: what they print, and how they end."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from model_export.cli_variants import register
from service.adapters.bundles import read_bundle
from support.hand_made_bundle import shapes_catalogue
from support.product_bundle import product_bundle

LENIENT = ["--max-top10-loss", "50", "--max-quality-loss", "50", "--keep-slower"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = shapes_catalogue(tmp_path_factory.mktemp("shop") / "shapes.parquet", 32)
    return ["--catalog", str(path), "--count", "24"]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return product_bundle(tmp_path / "bundle")


def call(*arguments: object) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def complaint(result: Result, code: int) -> str:
    """The one line of a command that failed as it should."""
    assert result.exit_code == code, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("vitrine-export: ")
    return line.removeprefix("vitrine-export: ")


def test_a_variant_is_made_said_and_verified(bundle: Path, catalog: list[str]) -> None:
    made = call("variants", bundle, *catalog, "--precision", "int8", *LENIENT)
    assert made.exit_code == 0, made.output
    (line,) = made.stdout.splitlines()
    assert line.startswith("best-int8: ")
    assert " over 24 pictures, top-10 agreement " in line
    gate = json.loads((bundle / "bundle.json").read_text())["image"]["tiers"][1]["gate"]
    assert gate["of"] == "best"
    assert gate["labelled"] == 24
    assert [rate["batch"] for rate in gate["rates"]] == [1, 8]
    plain = call("verify", bundle)
    assert plain.exit_code == 0, plain.output
    assert f"tier best-int8: int8 of best, {gate['recipe']}: " in plain.stdout
    assert "here: the service runs tier best (fp32) on cpu" in plain.stdout
    assert "passes" not in plain.stdout
    again = call("verify", bundle, *catalog, *LENIENT)
    assert again.exit_code == 0, again.output
    assert again.stdout.splitlines()[-1].startswith("best-int8 passes: ")


def test_a_refusal_is_a_line_of_figures_and_status_3(tmp_path: Path, catalog: list[str]) -> None:
    spoilt = product_bundle(tmp_path / "spoilt", outlier=200)
    before = {path.name: path.read_bytes() for path in spoilt.iterdir()}
    line = complaint(call("variants", spoilt, *catalog, "--precision", "int8", "--keep-slower"), 3)
    assert line.startswith("best-int8 is refused: ")
    assert "% of the top 10 differ, of at most 2 % (--max-top10-loss)" in line
    assert {path.name: path.read_bytes() for path in spoilt.iterdir()} == before


def test_shorter_vectors_go_into_a_folder_of_their_own(bundle: Path, catalog: list[str]) -> None:
    short = bundle.with_name("short")
    line = complaint(call("variants", bundle, *catalog, "--dim", 6, *LENIENT), 2)
    assert line.startswith("shorter vectors are another model")
    options = ["--dim", 6, "--truncate", "prefix", "--out", short, *LENIENT]
    made = call("variants", bundle, *catalog, *options)
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("6 of 24 dimensions: P@1 ")
    assert read_bundle(short).dim == 6
    assert read_bundle(bundle).dim == 24
    assert "6 of 24 dimensions by prefix: P@1 " in call("verify", short).stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "bf16"], "bf16 needs no file: OpenVINO"),
        (["--precision", "int8", "--tier", "fast"], "no tier fast to make variants of"),
        ([], "nothing to make"),
        (["--precision", "int8", "--label", "colour"], "nothing is called 'colour'"),
        (["--precision", "int8", "--map", "oops"], "--map takes FIELD=COLUMN, not 'oops'"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    bundle: Path, catalog: list[str], options: list[str], message: str
) -> None:
    assert message in complaint(call("variants", bundle, *catalog, *options), 2)


def test_a_catalogue_that_is_not_there_is_named(bundle: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.parquet"
    result = call("variants", bundle, "--catalog", nowhere, "--precision", "int8")
    assert complaint(result, 2).startswith(f"{nowhere}: does not exist")


def test_a_bundle_edited_by_hand_or_of_a_newer_schema_is_status_2(bundle: Path) -> None:
    path = bundle / "image.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    assert f"{path} has sha256 " in complaint(call("verify", bundle), 2)
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest |= {"schema_version": 2, "from_the_future": True}
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    assert "has schema 2, this Vitrine reads 1" in complaint(call("verify", bundle), 2)
    nothing = complaint(call("verify", bundle / "nothing"), 2)
    assert nothing.startswith(f"no bundle at {bundle / 'nothing'}")
