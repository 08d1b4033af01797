import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from service.core.split import held_out
from service.core.types import CatalogRow, Product
from training.agreement import agreement, label_of
from training.annotate import annotate, read_texts
from training.weak_labels import Term, WeakLabels

Run = Callable[..., Result]
KINDS = ("Shirts", "Skirts", "Belts", "Watches")
COLOURS = ("Black", "White", "Red")


@pytest.fixture
def run() -> Run:
    app = typer.Typer()
    app.command()(annotate)
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


def write(path: Path, count: int = 600, *, text: bool = True) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            kind, colour = KINDS[i % len(KINDS)], COLOURS[i // 5 % len(COLOURS)]
            record = {"id": f"p{i}", "image": f"{i}.jpg"}
            if text:
                title = f"Acme|<b> {colour} {kind.removesuffix('s')}"
                record |= {"title": title, "article_type": kind, "base_colour": colour}
            file.write(json.dumps(record) + "\n")
    return path


def test_a_catalogue_gives_labels_a_report_and_a_curve(run: Run, tmp_path: Path) -> None:
    source, out = write(tmp_path / "shop.jsonl"), tmp_path / "deep" / "labels"
    result = run(source, "--out", out, "--truth", "article_type, base_colour")
    assert result.exit_code == 0, result.output
    weak = WeakLabels.load(out / "labels.json")
    assert {"shirt", "skirt", "belt", "black", "white", "red"} <= set(weak.labels)
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    report = (out / "report.md").read_text(encoding="utf-8")
    for heading in ("# Weak labels", "## Labels", "## Examples"):
        assert heading in report
    rows = [line for line in result.stdout.splitlines() if line.startswith("| base")]
    assert rows == ["| base\\_colour | 3 | 3 | 100.0% | 100.0% | 100.0% |"]


def test_text_of_a_catalogue_cannot_break_the_tables_of_the_report(
    run: Run, tmp_path: Path
) -> None:
    run(write(tmp_path / "shop.jsonl"), "--out", tmp_path / "out")
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    examples = report.split("## Examples")[1].split("##")[0]
    assert "Acme\\|\\<b\\>" in examples
    assert "<b>" not in report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "has no text to learn labels from"),
        (("--fields", "title,notes"), "no product has text in notes, title"),
        (("--truth", "colour"), "no product has an attribute 'colour'"),
    ],
)
def test_a_catalogue_without_text_is_one_line_and_status_2(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    source, out = write(tmp_path / "shop.jsonl", text=False), tmp_path / "out"
    result = run(source, "--out", out, *arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("vitrine-train: ")
    assert message in line
    assert not out.exists()


def test_a_source_that_is_not_there_is_one_line_and_status_2(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path / "none.parquet", "--out", tmp_path / "out")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "none.parquet" in line


def test_a_mapping_without_a_column_is_refused(run: Run, tmp_path: Path) -> None:
    result = run(write(tmp_path / "shop.jsonl"), "--map", "title")
    assert result.exit_code == 2
    assert "NAME=COLUMN" in result.stderr


def test_held_out_products_are_left_out_and_rows_of_one_id_are_one_product() -> None:
    kept = next(f"p{i}" for i in range(99) if not held_out(f"p{i}"))
    aside = next(f"p{i}" for i in range(99) if held_out(f"p{i}"))
    products = [
        Product(kept, "red shirt"),
        Product(kept, "red shirt", brand="acme"),
        Product(aside, "blue shirt"),
    ]
    texts = read_texts(CatalogRow(product, None) for product in products)
    assert texts.documents == [{"title": "red shirt", "brand": "acme"}]


def test_what_labels_are_compared_with_is_not_read_even_by_another_name() -> None:
    kept = next(f"p{i}" for i in range(99) if not held_out(f"p{i}"))
    shirt = Product(kept, "red", category="Shirts", attributes={"article_type": "Shirts"})
    texts = read_texts([CatalogRow(shirt, None)], truth=["article_type"])
    assert texts.documents == [{"title": "red"}]
    assert texts.truth == {"article_type": ["Shirts"]}
    (category,) = read_texts([CatalogRow(shirt, None)], truth=["category"]).truth.values()
    assert category == ["Shirts"]


WEAK = WeakLabels(
    ("t shirt", "solid"),
    (
        Term(("t", "shirt"), 0, 1.0, 0.9),
        Term(("tshirts",), 0, 1.0, 0.0),
        Term(("solid",), 1, 1.0, 0.0),
        Term(("scarves",), 1, 0.9, 0.0),
    ),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Tshirts", 0), ("T-Shirt", 0), ("Solids", 1), ("Scarves", None), ("Hats", None), ("9", None)],
)
def test_a_class_is_named_by_the_label_spelt_like_it_and_not_by_one_it_joined(
    name: str, expected: int | None
) -> None:
    assert label_of(WEAK, name) == expected


def test_precision_and_recall_are_counted_over_products_of_known_class() -> None:
    targets = [{0: 1.0}, {0: 1.0}, {0: 0.4}, {1: 1.0}, {0: 1.0}, {}]
    values = ["Tshirts", "Hats", "Tshirts", "Hats", None, "Tshirts"]
    (found,) = agreement(WEAK, targets, {"article_type": values})
    assert (found.classes, found.known, found.named) == (2, 5, 3)
    assert found.precision == pytest.approx(1 / 2)
    assert found.recall == pytest.approx(1 / 5)
