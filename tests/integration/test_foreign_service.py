"""A model made elsewhere, from its folder to answers over HTTP: exported, indexed, asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.demo.catalog import encode, write_catalog
from service.demo.products import product
from service.demo.render import render
from support.foreign_models import saved_once
from support.live_server import serving, vitrine_here
from support.onnx_models import token_graph, write_onnx

pytestmark = pytest.mark.integration

PRODUCTS = 12


def export(source: Path, out: Path) -> str:
    """As people run it; what it printed."""
    command = [sys.executable, "-m", "model_export", str(source), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == ""
    return done.stderr


def index(bundle: Path, folder: Path) -> Path:
    """Draw a few products and index them; the data directory."""
    write_catalog(folder / "catalog.parquet", PRODUCTS, views=2, size=120)
    done = vitrine_here(
        "reindex", folder / "catalog.parquet", "--data-dir", folder / "data", "--bundle", bundle
    )
    assert done.returncode == 0, done.stderr
    return folder / "data"


def picture(number: int) -> bytes:
    return encode(render(product(number), 1, size=120))


def test_a_clip_model_finds_pictures_and_takes_words(tmp_path: Path) -> None:
    folder = saved_once(tmp_path, "clip")
    bundle = tmp_path / "bundle"
    summary, hint = export(folder, bundle).splitlines()
    assert summary.startswith(f"{bundle}: clip 1, ")
    assert "--licence" in hint
    data = index(bundle, tmp_path)
    with serving(data, tmp_path, bundle) as server, server.client() as client:
        assert client.get("/v1/index").json()["bundle"]["name"] == "clip"
        for number in (0, 7):
            answer = client.post("/v1/search", files={"file": picture(number)}).json()
            assert answer["results"][0]["product_id"] == f"demo-{number:06d}"
            assert answer["results"][0]["similarity"] > 0.999
    said = vitrine_here(
        "search", "--text", "red shoes", "--data-dir", data, "--bundle", bundle, "--json"
    )
    assert said.returncode == 0, said.stderr
    assert "demo-" in said.stdout


def test_a_bare_onnx_file_finds_pictures_and_says_that_it_has_no_words(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    file = write_onnx(tmp_path / "model", token_graph(), pooling="gap", licence="MIT")
    assert len(export(file, bundle).splitlines()) == 1
    data = index(bundle, tmp_path)
    with serving(data, tmp_path, bundle) as server, server.client() as client:
        answer = client.post("/v1/search", files={"file": picture(3)}).json()
        assert answer["results"][0]["product_id"] == "demo-000003"
    refused = vitrine_here("search", "--text", "red", "--data-dir", data, "--bundle", bundle)
    assert refused.returncode == 2
    assert "it has no text tower" in refused.stderr
