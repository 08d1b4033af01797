"""`vitrine index report` over a demo shop into which every fault was put, as a shell sees it."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from service.demo.catalog import SCHEMA, write_catalog
from service.settings import Settings
from support.live_server import Shop, vitrine_here
from support.pictures import encoded, photo

pytestmark = pytest.mark.integration

PRODUCTS = 240
EVIL = "<script>alert('x')</script>"


@dataclass(frozen=True, slots=True)
class Faulty:
    """A shop in which products were given another category: `wrong` in place of `right`."""

    data_dir: Path
    wrong: dict[str, str]
    right: dict[str, str]
    copied: str


@pytest.fixture(autouse=True)
def _a_plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Faulty:
    folder = tmp_path_factory.mktemp("faulty")
    write_catalog(folder / "catalog.parquet", PRODUCTS, views=1, size=160)
    rows = pq.read_table(folder / "catalog.parquet").to_pylist()
    commonest = [name for name, _ in Counter(row["category"] for row in rows).most_common(3)]
    wrongs, rights = {}, {}
    for wrong, right in zip(commonest, commonest[1:] + commonest[:1], strict=True):
        row = next(row for row in rows if row["category"] == right)
        row["category"] = wrongs[row["id"]] = wrong
        rights[row["id"]] = right
    copied = rows[-1]
    with Image.open(BytesIO(copied["image"]["bytes"])) as image:
        anew = encoded(image, "JPEG", quality=50)

    def more(id_: str, category: str, data: bytes | None, title: str = "") -> dict[str, object]:
        empty = dict.fromkeys(SCHEMA.names)
        image = {"bytes": data, "path": None} if data else None
        return {**empty, "id": id_, "title": title, "category": category, "image": image}

    blank = np.random.default_rng(0).integers(236, 241, size=(96, 96, 3)).astype(np.uint8)
    no_picture_yet = encoded(photo(96, 96), "JPEG")
    rows += [more(f"soon-{n}", commonest[n % 3], no_picture_yet) for n in range(6)]
    rows += [more("anew", copied["category"], anew, EVIL)]
    rows += [more("blank", commonest[0], encoded(Image.fromarray(blank), "JPEG"))]
    rows += [more("bare", commonest[0], None)]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "faulty.parquet")
    done = vitrine_here("reindex", folder / "faulty.parquet", "--data-dir", folder / "data")
    assert done.returncode == 0, done.stderr
    return Faulty(folder / "data", wrongs, rights, copied["id"])


def report(data_dir: Path, *options: object):
    return vitrine_here("index", "report", *options, "--data-dir", data_dir)


def found_in(data_dir: Path, *options: object):
    done = report(data_dir, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def products(group) -> list[str]:
    return [each["product_id"] for each in group["shown"]]


def test_every_fault_is_found_and_nothing_else(faulty: Faulty, tmp_path: Path) -> None:
    found = found_in(faulty.data_dir)
    disagreements = {d["shown"]["product_id"]: d for d in found["disagreements"]}
    assert disagreements.keys() == faulty.wrong.keys()
    assert {id_: d["shown"]["label"] for id_, d in disagreements.items()} == faulty.wrong
    # Chevron trousers look like watch straps to the model: named, and taken for the wrong thing.
    assert sum(disagreements[id_]["suspected"] == right for id_, right in faulty.right.items()) >= 2
    assert [products(group) for group in found["placeholders"]] == [[f"soon-{n}" for n in range(6)]]
    assert [products(group) for group in found["blank"]] == [["blank"]]
    assert [products(group) for group in found["shared"]] == [[faulty.copied, "anew"]]
    assert [(each["product_id"], each["image_id"]) for each in found["without_picture"]] == [
        ("bare", "")
    ]
    assert found["without_thumbnail"] == []
    assert not list(tmp_path.iterdir()), "--json alone writes no page"


def test_the_page_and_the_table_show_them(faulty: Faulty, tmp_path: Path) -> None:
    done = report(faulty.data_dir)
    assert done.returncode == 0, done.stderr
    assert "products whose picture disagrees with their category │     3 │" in done.stdout
    (page,) = tmp_path.iterdir()
    html = page.read_text()
    assert page.name == "report.html"
    assert all(id_ in html for id_ in (*faulty.wrong, "soon-0", "blank", "anew"))
    assert '<article class="card plain"> <code>bare</code></article>' in html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    # Three suspects with four witnesses each, the placeholder, the blank, and a photo in two files.
    assert html.count('src="data:image/webp;base64,') == 3 * 5 + 1 + 1 + 2


def test_a_clean_shop_gives_no_finding(shop: Shop) -> None:
    found = found_in(shop.data_dir)
    assert found["judged"] == found["pictures"] == 180
    findings = ("disagreements", "placeholders", "blank", "shared", "without_thumbnail")
    assert [found[kind] for kind in findings] == [[]] * 5


def test_a_shop_that_keeps_no_thumbnails_is_told_so(faulty: Faulty, tmp_path: Path) -> None:
    data_dir = Path(shutil.copytree(faulty.data_dir, tmp_path / "data"))
    for path in data_dir.glob("thumbnails.db*"):
        path.unlink()
    found = found_in(data_dir, "--out", tmp_path / "page.html")
    assert len(found["without_thumbnail"]) == found["pictures"]
    assert {d["shown"]["product_id"] for d in found["disagreements"]} >= faulty.wrong.keys()
    assert [products(group) for group in found["placeholders"]] == [[f"soon-{n}" for n in range(6)]]
    html = (tmp_path / "page.html").read_text()
    assert "--thumbnails on" in html
    assert "<img" not in html


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--field", "shape"], "there is no field 'shape'"),
        ([9], "v000009"),
        (["--out", "gone/report.html"], "gone/report.html cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    faulty: Faulty, tmp_path: Path, options: list[object], words: str
) -> None:
    done = report(faulty.data_dir, *options)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_before_the_first_reindex_there_is_nothing_to_report(tmp_path: Path) -> None:
    done = report(tmp_path / "data")
    assert done.returncode == 2
    assert "run `vitrine reindex SOURCE`" in done.stderr
