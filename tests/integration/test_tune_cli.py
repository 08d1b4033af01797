"""`vitrine tune` measures this machine for real, and `vitrine serve` reads what it wrote."""

import base64
import json
from pathlib import Path

import pytest

from model_export.bundle import write_manifest
from service.adapters.bundles import read_bundle
from service.cli.options import settings_with
from service.core.gate import Gate
from service.pipeline.tuning import ROUNDS
from service.settings import Settings
from support.hand_made_bundle import hue_bundle, shapes_catalogue
from support.live_server import serving, vitrine, vitrine_here
from support.pictures import encoded, photo

pytestmark = pytest.mark.integration

GATE = Gate(
    of="best",
    recipe="dynamic",
    cosine_mean=0.999,
    cosine_p1=0.998,
    pictures=1000,
    top10_agreement=0.982,
    p_at_1=0.85,
    p_at_1_change=-0.001,
    p_at_1_error=0.002,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of no time at all, with a variant of 8 bits that is the same graph."""
    folder = hue_bundle(tmp_path_factory.mktemp("tune") / "hue")
    manifest = read_bundle(folder)
    (best,) = manifest.image.tiers
    variant = best.model_copy(update={"name": "best-int8", "precision": "int8", "gate": GATE})
    tiers = manifest.image.model_copy(update={"tiers": (best, variant)})
    write_manifest(folder, manifest.model_copy(update={"image": tiers}))
    return folder


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


def test_a_sweep_is_measured_told_and_read_back_by_the_server(bundle: Path, tmp_path: Path) -> None:
    catalogue = shapes_catalogue(tmp_path / "shapes.parquet", 12)
    out = tmp_path / "vitrine.env"
    asked = ("--bundle", bundle, "--seconds", 1, "--out", out, "--for", "throughput", "--json")

    done = vitrine("tune", catalogue, *asked)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["variants"]["best-int8"]["top10_agreement"] == 0.982
    stages = told["stages"]
    assert {"tier", "lanes", "spinning", "batch", "decoding"} <= stages.keys()
    for trials in stages.values():
        assert [trial["kept"] for trial in trials].count(True) == 1
        for trial in trials:
            assert len(trial["images_per_second"]) == len(trial["p50_ms"]) == ROUNDS
            assert min(trial["images_per_second"] + trial["p50_ms"]) > 0
    settings = settings_with(settings_file=out)
    assert {name: getattr(settings, name) for name in told["best"]} == told["best"]

    out.write_text(out.read_text() + "VITRINE_MAX_IMAGE_BYTES=1000\n")
    with (
        serving(tmp_path / "data", tmp_path, bundle, VITRINE_SETTINGS_FILE=str(out)) as server,
        server.client() as client,
    ):
        picture = base64.b64encode(encoded(photo(200, 200), "PNG")).decode()
        body = {"model": "hue", "input": f"data:image/png;base64,{picture}"}
        answer = client.post("/v1/embeddings", json=body).json()
    assert answer["code"] == "image_too_large"
    assert "1,000 bytes" in answer["detail"]


def test_the_table_says_what_a_variant_costs(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "vitrine.env"
    catalogue = shapes_catalogue(tmp_path / "shapes.parquet", 12)

    done = vitrine_here("tune", catalogue, "--bundle", bundle, "--seconds", 1, "--out", out)

    assert done.returncode == 0, done.stderr
    expected = (
        "best-int8 in place of best: P@1 -0.1 ± 0.2 points, top-10 agreement 98.2%, "
        "over 1,000 pictures"
    )
    assert expected in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == f"{out} is written: vitrine serve --settings {out}"
    assert out.read_text().startswith("# Written by `vitrine tune`: ")
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("name", ["there", "folder", "nowhere/vitrine.env"])
def test_what_is_not_ours_is_not_overwritten(bundle: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "there").write_text("VITRINE_API_KEYS=...\n")
    (tmp_path / "folder").mkdir()

    done = vitrine_here("tune", "--bundle", bundle, "--out", tmp_path / name)

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "name another file with --out" in line
    assert (tmp_path / "there").read_text() == "VITRINE_API_KEYS=...\n"


def test_a_catalogue_without_a_picture_at_hand(bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "urls.csv"
    source.write_text("id,image\n1,https://shop.example/1.jpg\n")

    done = vitrine_here("tune", source, "--bundle", bundle, "--out", tmp_path / "vitrine.env")

    assert (done.returncode, done.stdout) == (2, "")
    assert "no picture at hand" in done.stderr
    assert not (tmp_path / "vitrine.env").exists()


def test_a_bad_file_of_settings_ends_the_start(tmp_path: Path) -> None:
    path = tmp_path / "vitrine.env"
    path.write_text("VITRINE_LANES=2\nVITRINE_LANE=2\n")

    done = vitrine("serve", "--settings", path, "--port", 0)

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{path}: line 2: there is no setting 'VITRINE_LANE'" in line
