"""The `vitrine` command as a shell sees it: what it prints, where, and its exit status."""

import json
import re
import shutil
from pathlib import Path

import faiss
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.core.split import held_out
from service.demo.catalog import write_catalog
from service.settings import DEFAULT_BUNDLE, Settings
from service.wiring import serving
from support.live_server import SIDE, Shop, vitrine, vitrine_here
from support.odd_files import write_odd_files
from support.pictures import encoded, photo

pytestmark = pytest.mark.integration


def refused(done, *words: str) -> None:
    """Expect exit status 2, nothing on stdout, and one line on stderr that has these words."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("vitrine: ")
    for word in words:
        assert word in line


def table(text: str) -> dict[str, str]:
    """A two-column table as printed: first column -> second."""
    rows = re.findall(r"^│ (.+?) +│ +(.+?) +│", text, re.MULTILINE)
    return {name.strip(): value for name, value in rows}


@pytest.fixture(autouse=True)
def _a_plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "shoes").mkdir(parents=True)
    for number in range(4):
        path = folder / "shoes" / f"red-{number}.jpg"
        path.write_bytes(encoded(photo(80, 60, seed=number), "JPEG"))
    return folder


# ---- the command itself ----


def test_help_lists_every_command():
    done = vitrine("--help")

    assert done.returncode == 0
    for command in ("demo", "reindex", "serve", "search", "embed", "evaluate"):
        assert f" {command} " in done.stdout


def test_a_setting_that_cannot_be_is_named_without_a_traceback():
    done = vitrine("search", "photo.jpg", VITRINE_PORT="many")

    assert done.returncode == 2
    assert "port: " in done.stderr
    assert "Traceback" not in done.stderr


# ---- demo ----


def test_demo_renders_a_catalogue_and_pictures_to_search_by(tmp_path: Path):
    done = vitrine_here("demo", "--render-only", "--products", 5, "--data-dir", tmp_path)

    assert done.returncode == 0, done.stderr
    assert "5 products, 15 pictures" in done.stdout
    assert pq.read_metadata(tmp_path / "catalog.parquet").num_rows == 15
    assert len(list((tmp_path / "queries").iterdir())) == 5
    assert (tmp_path / "contact-sheet.png").is_file()
    assert not (tmp_path / "snapshots").exists()


def test_demo_once_searches_over_http(tmp_path: Path):
    done = vitrine("demo", "--once", "--products", 4, "--data-dir", tmp_path)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout[done.stdout.index("\n{") :])
    assert len(answer["results"]) == 3
    assert answer["index"]["version"] == 1


# ---- reindex ----


def test_reindex_prints_a_receipt_and_the_second_time_embeds_nothing(tmp_path: Path):
    catalog, data_dir = tmp_path / "catalog.parquet", tmp_path / "data"
    write_catalog(catalog, 3, views=2, size=SIDE)

    first = vitrine_here("reindex", catalog, "--data-dir", data_dir)
    second = vitrine_here("reindex", catalog, "--data-dir", data_dir, "--json")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "index v000001" in first.stdout
    receipt = table(first.stdout)
    assert (receipt["products"], receipt["pictures seen"]) == ("3", "6")
    assert (receipt["embedded"], receipt["reused"], receipt["failed"]) == ("6", "0", "0")
    again = json.loads(second.stdout)
    assert (again["version"], again["embedded"], again["reused"]) == (1, 0, 6)
    assert again["end"] == "unchanged"
    assert again["failures"] == []


def test_reindex_takes_columns_by_other_names(tmp_path: Path):
    catalog, data_dir = tmp_path / "products.csv", tmp_path / "data"
    (tmp_path / "a.jpg").write_bytes(encoded(photo(60, 60), "JPEG"))
    catalog.write_text("code,label,photo\nA-1,A [new] coat :-),a.jpg\n")
    maps = ("--map", "id=code", "--map", "title=label", "--map", "image=photo")

    done = vitrine_here("reindex", catalog, "--data-dir", data_dir, *maps)
    found = vitrine_here("search", tmp_path / "a.jpg", "--data-dir", data_dir)

    assert done.returncode == found.returncode == 0, done.stderr + found.stderr
    assert "A [new] coat :-)" in found.stdout
    assert "A-1" in found.stdout


def test_reindex_of_a_folder_gives_products_that_the_api_finds_by_path(
    pictures: Path, tmp_path: Path
):
    data_dir = tmp_path / "data"
    done = vitrine_here("reindex", pictures, "--data-dir", data_dir, "--json")
    found = vitrine_here("search", pictures / "shoes/red-2.jpg", "--data-dir", data_dir, "--json")

    assert json.loads(done.stdout)["products"] == 4
    assert json.loads(found.stdout)["results"][0]["product_id"] == "shoes/red-2"
    with serving(Settings(data_dir=data_dir)) as parts:
        client = TestClient(create_app(parts, max_image_bytes=1_000_000))
        assert client.get("/v1/products/shoes%2Fred-2").json()["category"] == "shoes"


def test_reindex_promotes_nothing_when_too_many_fail(tmp_path: Path):
    odd, data_dir = tmp_path / "[odd]", tmp_path / "data"
    odd.mkdir()
    expected = write_odd_files(odd)
    bad = sorted(name for name, code in expected.items() if code)

    strict = vitrine("reindex", odd, "--data-dir", data_dir)
    lenient = vitrine_here("reindex", odd, "--data-dir", data_dir, "--max-failed", "60%", "--json")

    assert strict.returncode == 1
    *failures, verdict = strict.stderr.splitlines()[-len(bad) - 1 :]
    assert "--max-failed 1.00%" in verdict
    assert sorted(Path(re.search(r"\((.+?)\): ", line)[1]).name for line in failures) == bad
    assert lenient.returncode == 0, lenient.stderr
    receipt = json.loads(lenient.stdout)
    assert receipt["version"] == 1
    codes = {Path(failure["image"]).name: failure["code"] for failure in receipt["failures"]}
    assert codes == {name: expected[name] for name in bad}


@pytest.mark.parametrize("share", ["200%", "-1", "some"])
def test_reindex_refuses_a_share_that_is_none(tmp_path: Path, share: str):
    done = vitrine_here(
        "reindex", tmp_path, "--data-dir", tmp_path / "data", f"--max-failed={share}"
    )

    assert done.returncode == 2
    assert "--max-failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_reindex_names_a_source_that_is_not_there(tmp_path: Path):
    done = vitrine_here("reindex", tmp_path / "[b]none.parquet", "--data-dir", tmp_path / "data")

    refused(done, "[b]none.parquet")


def test_reindex_names_a_column_that_is_not_there(shop: Shop, tmp_path: Path):
    arguments = ("--data-dir", tmp_path / "data", "--map", "title=productDisplayName")
    done = vitrine_here("reindex", shop.catalog, *arguments)

    refused(done, "'productDisplayName'", "the columns are: id, title")


def test_reindex_takes_a_map_only_as_field_equals_column(shop: Shop, tmp_path: Path):
    done = vitrine_here("reindex", shop.catalog, "--data-dir", tmp_path / "data", "--map", "title")

    assert done.returncode == 2
    assert "FIELD=COLUMN" in done.stderr


# ---- search, embed ----


def test_search_prints_what_it_found(shop: Shop, tmp_path: Path):
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(shop.picture(9))

    shown = vitrine_here("search", picture, "--data-dir", shop.data_dir, "--limit", 3)
    printed = vitrine_here("search", picture, "--data-dir", shop.data_dir, "--limit", 3, "--json")

    assert shown.returncode == printed.returncode == 0, shown.stderr + printed.stderr
    results = json.loads(printed.stdout)["results"]
    assert results[0]["product_id"] == "demo-000009"
    assert results[0]["similarity"] > 0.999
    assert re.findall(r"demo-\d+", shown.stdout) == [result["product_id"] for result in results]
    assert " EUR" in shown.stdout


def test_search_before_any_reindex_says_so_and_leaves_nothing_behind(tmp_path: Path):
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(encoded(photo(60, 60), "JPEG"))

    refused(vitrine("search", picture, "--data-dir", tmp_path / "data"), "vitrine reindex")
    assert not (tmp_path / "data").exists()


def test_search_names_a_picture_that_is_not_there(shop: Shop):
    refused(vitrine_here("search", "no-such.jpg", "--data-dir", shop.data_dir), "no-such.jpg")


@pytest.mark.parametrize("query", [(), ("any.jpg", "--text", "red shoes"), ("--text", " ")])
def test_search_takes_a_picture_or_words_and_not_both(shop: Shop, query: tuple[str, ...]):
    refused(vitrine_here("search", *query, "--data-dir", shop.data_dir), "give one of them")


def test_embed_prints_a_line_a_picture_and_goes_on_after_a_bad_one(tmp_path: Path):
    good, bad, also_good = (tmp_path / name for name in ("a.jpg", "b.jpg", "c.png"))
    good.write_bytes(encoded(photo(60, 60, seed=1), "JPEG"))
    bad.write_bytes(b"no picture")
    also_good.write_bytes(encoded(photo(60, 60, seed=2), "PNG"))

    done = vitrine("embed", "--json", good, bad, also_good, VITRINE_DATA_DIR=str(tmp_path / "data"))

    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"vitrine: {bad}: not a JPEG, PNG or WebP picture"]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(good), str(also_good)]
    for line in lines:
        assert sum(value**2 for value in line["embedding"]) == pytest.approx(1, abs=1e-5)
    assert not (tmp_path / "data").exists()


def test_embed_prints_for_people_too(tmp_path: Path):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(encoded(photo(60, 60), "JPEG"))

    done = vitrine_here("embed", picture)

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{picture}: \d+ values, \[([+-]0\.\d{{4}}, ){{4}}\.\.\.\]\n", done.stdout)


# ---- evaluate ----


TASKS = """
[[task]]
name = "twins"
about = "a picture finds its other view"
queries = { files = ["twins.parquet"], hold_out = "id" }
gallery = { files = ["twins.parquet"] }
same = ["kind"]
"""


def _png(kind: int, level: int) -> bytes:
    return encoded(photo(60, 60, seed=kind), "PNG", compress_level=level)


def test_evaluate_measures_a_task(tmp_path: Path):
    (tmp_path / "tasks.toml").write_text(TASKS)
    # Two files of different bytes whose pixels are the same: each finds the other first.
    asked = [f"p{n}" for n in range(100) if held_out(f"p{n}")][:4]
    found = [f"p{n}" for n in range(100) if not held_out(f"p{n}")][:12]
    rows = [
        {"id": id_, "kind": str(kind), "image": {"bytes": _png(kind, side)}}
        for side, ids in enumerate([asked, found])
        for kind, id_ in enumerate(ids)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "twins.parquet")

    printed = vitrine("evaluate", tmp_path / "tasks.toml", "--sources", tmp_path, "--json")
    shown = vitrine_here("evaluate", tmp_path / "tasks.toml", "--sources", tmp_path)

    moved = ("--centralize", 1, "--centralize", 3)
    both = vitrine_here("evaluate", tmp_path / "tasks.toml", "--sources", tmp_path, *moved)

    assert printed.returncode == shown.returncode == 0, printed.stderr + shown.stderr
    (result,) = json.loads(printed.stdout)["tasks"]
    assert (result["queries"], result["gallery"]) == (4, 16)
    assert (result["p1"], result["centralize"]) == (1.0, 0)
    assert "twins" in shown.stdout
    assert "kind 1.000" in shown.stdout
    lines = [line.split() for line in both.stdout.splitlines() if "kind" in line]
    named = [" ".join(line).count("twins, --centralize") for line in lines]
    assert named == [0, 1, 1], both.stdout


def test_evaluate_names_a_file_that_is_not_there(tmp_path: Path):
    (tmp_path / "tasks.toml").write_text(TASKS)

    refused(vitrine_here("evaluate", tmp_path / "no.toml", "--sources", tmp_path), "no.toml")
    refused(
        vitrine_here("evaluate", tmp_path / "tasks.toml", "--sources", tmp_path), "twins.parquet"
    )


def test_evaluate_says_what_is_wrong_with_a_file_of_tasks(tmp_path: Path):
    (tmp_path / "tasks.toml").write_text(TASKS.replace("about", "abuot"))
    done = vitrine_here("evaluate", tmp_path / "tasks.toml", "--sources", tmp_path)

    refused(done, "tasks.toml", "task.0.about: Field required", "task.0.abuot: Extra inputs")


@pytest.mark.skipif(faiss.get_num_gpus() > 0, reason="there is a GPU here")
def test_reindex_refuses_a_gpu_that_is_not_there_before_it_writes(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VITRINE_INDEX_BUILD", "gpu")
    done = vitrine_here("reindex", shop.catalog, "--data-dir", tmp_path / "data")

    refused(done, "VITRINE_INDEX_BUILD=gpu", "auto or cpu")
    assert not (tmp_path / "data").exists()


# ---- serve ----


def test_serve_refuses_a_bundle_that_is_none(tmp_path: Path):
    refused(vitrine("serve", "--bundle", tmp_path, "--data-dir", tmp_path / "data"), "bundle.json")


def test_serve_refuses_a_provider_that_is_not_there(tmp_path: Path):
    done = vitrine("serve", "--data-dir", tmp_path / "data", VITRINE_PROVIDER="openvino")

    refused(done, "openvino")


def test_a_damaged_bundle_is_named_with_both_digests(shop: Shop, tmp_path: Path):
    bundle = tmp_path / "bundle"
    shutil.copytree(DEFAULT_BUNDLE, bundle)
    with (bundle / "image.weights").open("ab") as file:
        file.write(b"\0")

    done = vitrine_here("search", "any.jpg", "--data-dir", shop.data_dir, "--bundle", bundle)

    refused(done, "image.weights", "sha256", "export it anew")
