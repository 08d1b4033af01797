"""A model made elsewhere, from its folder to answers over HTTP: exported, indexed, asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model_export.cli import app
from service.demo.catalog import encode, write_catalog
from service.demo.products import product
from service.demo.render import render
from support.foreign_models import exported_foreign, saved_once
from support.live_server import serving, vitrine_here
from support.onnx_models import token_graph, write_onnx

pytestmark = pytest.mark.integration

PRODUCTS = 12


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "foreign"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog") / "catalog.parquet"
    write_catalog(path, PRODUCTS, views=2, size=120)
    return path


def index(catalog: Path, bundle: Path, data: Path) -> Path:
    done = vitrine_here("reindex", catalog, "--data-dir", data, "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    return data


def picture(number: int) -> bytes:
    return encode(render(product(number), 1, size=120))


def check_search(data: Path, folder: Path, bundle: Path, name: str) -> None:
    """Pictures of the catalogue are found again by a running server."""
    with serving(data, folder, bundle) as server, server.client() as client:
        assert client.get("/v1/index").json()["bundle"]["name"] == name
        for number in (0, 7):
            answer = client.post("/v1/search", files={"file": picture(number)}).json()
            assert answer["results"][0]["product_id"] == f"demo-{number:06d}"
            assert answer["results"][0]["similarity"] > 0.999


def test_the_command_makes_of_a_clip_model_a_service_that_takes_words(
    root: Path, catalog: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    command = [sys.executable, "-m", "model_export", saved_once(root, "clip"), "--out", bundle]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == ""
    summary, hint = done.stderr.splitlines()
    assert summary.startswith(f"{bundle}: clip 1, ")
    assert "--licence" in hint
    data = index(catalog, bundle, tmp_path / "data")
    check_search(data, tmp_path, bundle, "clip")
    words = ("search", "--text", "red shoes", "--data-dir", data, "--bundle", bundle)
    said = vitrine_here(*words, "--json")
    assert said.returncode == 0, said.stderr
    assert "demo-" in said.stdout


def test_a_dinov2_model_becomes_a_service(root: Path, catalog: Path, tmp_path: Path) -> None:
    bundle = exported_foreign(root, "dinov2")
    check_search(index(catalog, bundle, tmp_path / "data"), tmp_path, bundle, "dinov2")


def test_a_bare_onnx_file_finds_pictures_and_says_that_it_has_no_words(
    catalog: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    file = write_onnx(tmp_path / "model", token_graph(), pooling="gap", licence="MIT")
    assert CliRunner().invoke(app, [str(file), "--out", str(bundle)]).exit_code == 0
    data = index(catalog, bundle, tmp_path / "data")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(3))
    found = vitrine_here("search", photo, "--data-dir", data, "--bundle", bundle, "--json")
    assert json.loads(found.stdout)["results"][0]["product_id"] == "demo-000003"
    refused = vitrine_here("search", "--text", "red", "--data-dir", data, "--bundle", bundle)
    assert refused.returncode == 2
    assert "it has no text tower" in refused.stderr
