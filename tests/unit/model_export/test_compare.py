import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from model_export import cli_compare
from model_export.bundle import ExportError
from model_export.compare import Comparison, compare
from model_export.compare_page import page
from model_export.compare_table import lines
from model_export.sample import Sample, read_sample
from model_export.sides import embed, open_side
from service.core.errors import BundleError
from support.hand_made_bundle import SIZE, hue_bundle, position_bundle, shapes_catalogue

COUNT = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles `hue` and `position`, and `shapes.parquet`; not to be changed."""
    folder = tmp_path_factory.mktemp("compare")
    hue_bundle(folder / "hue")
    position_bundle(folder / "position")
    shapes_catalogue(folder / "shapes.parquet", COUNT)
    return folder


@pytest.fixture(scope="module")
def sample(folder: Path) -> Sample:
    return read_sample([folder / "shapes.parquet"], count=COUNT)


@pytest.fixture(scope="module")
def comparison(folder: Path, sample: Sample) -> Comparison:
    sides = (open_side(str(folder / "hue")), open_side(str(folder / "position")))
    return compare(sides, sample, rounds=1)


class Page(HTMLParser):
    """What a page shows, and every address it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.classes: list[str] = []
        self.words: list[str] = []
        self.open = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[name] or "" for name in ("src", "href", "action") if name in given]
        self.classes += (given.get("class") or "").split()
        self.open += tag not in {"meta", "img", "br"}

    def handle_endtag(self, tag: str) -> None:
        self.open -= 1

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_model_that_sees_the_label_beats_one_that_does_not(comparison: Comparison) -> None:
    hue, position = comparison.figures
    assert hue.p1 == 1
    assert position.p1 is not None
    assert position.p1 < 0.7
    assert comparison.pictures == comparison.asked == COUNT
    change = comparison.p1_change
    assert change is not None
    assert change.value == pytest.approx(position.p1 - 1)
    # Differences of 0 and -1 with this mean.
    deviation = (position.p1 * (1 - position.p1)) ** 0.5
    assert change.margin == pytest.approx(1.96 * deviation / COUNT**0.5)
    assert comparison.overlap < 0.6
    assert comparison.cosines is None  # 3 dimensions and 48 have nothing in common
    assert comparison.differences.a_finds_more.total > COUNT / 2


def test_a_model_against_itself_differs_in_nothing(folder: Path, sample: Sample) -> None:
    side = open_side(str(folder / "hue"))
    comparison = compare((side, side), sample, rounds=1)
    assert comparison.overlap == 1
    assert comparison.p1_change is not None
    assert (comparison.p1_change.value, comparison.p1_change.margin) == (0, 0)
    assert "the same first 5 everywhere" in page(comparison, sample, "category")


def test_tiers_of_one_bundle_are_held_against_each_other_picture_by_picture(
    exported: Path, sample: Sample
) -> None:
    sides = (open_side(str(exported / "bundle")), open_side(f"{exported / 'bundle'}#fast"))
    comparison = compare(sides, sample, rounds=1)
    a, b = (embed(sample.images, side.encoder) for side in sides)
    cosines = np.sort(np.einsum("nd,nd->n", a, b))
    assert comparison.cosines is not None
    assert comparison.cosines.mean == pytest.approx(cosines.mean(), abs=1e-6)
    assert cosines[0] <= comparison.cosines.first_percentile <= cosines[1]
    assert f"99 % over {comparison.cosines.first_percentile:.4f}" in lines(comparison)[2].change


def test_sizes_are_those_of_the_files(folder: Path, exported: Path, sample: Sample) -> None:
    sides = (open_side(f"{exported / 'bundle'}#fast"), open_side(str(folder / "hue")))
    fast, hue = compare(sides, sample, rounds=1).figures
    size = {file.name: file.stat().st_size / 1e6 for file in (exported / "bundle").iterdir()}
    assert fast.tier_megabytes == pytest.approx(size["image-24.onnx"] + size["image.weights"])
    assert fast.bundle_megabytes == pytest.approx(sum(size.values()))
    assert hue.tier_megabytes == pytest.approx((folder / "hue/image.onnx").stat().st_size / 1e6)
    assert all(rate > 0 for side in (fast, hue) for rate in side.images_per_second)


def test_a_side_is_a_bundle_or_one_of_its_tiers(exported: Path, tmp_path: Path) -> None:
    bundle = exported / "bundle"
    assert open_side(str(bundle)).name == "bundle#best"
    assert open_side(f"{bundle}#balanced").encoder.tier.patch == 12
    odd = tmp_path / "odd#name"
    shutil.copytree(bundle, odd)
    assert open_side(str(odd)).name == "odd#name#best"
    assert open_side(f"{odd}#fast").encoder.tier.patch == 24
    with pytest.raises(BundleError, match="no tier 'slow'; it has best, balanced, fast"):
        open_side(f"{bundle}#slow")


def test_without_labels_there_is_no_precision_but_all_the_rest(folder: Path) -> None:
    bare = read_sample([folder / "shapes.parquet"], count=12, label="brand")
    sides = (open_side(str(folder / "hue")), open_side(str(folder / "position")))
    comparison = compare(sides, bare, rounds=1)
    assert comparison.figures[0].p1 is None
    assert comparison.p1_change is None
    assert lines(comparison)[0].a == "no labels"
    shown = Page(page(comparison, bare, "brand"))
    assert {"right", "wrong"}.isdisjoint(shown.classes)
    assert any("nothing is judged" in words for words in shown.words)
    assert shown.classes.count("card") > 0


def test_few_pictures_are_compared_on_the_neighbours_they_have(folder: Path) -> None:
    sides = (open_side(str(folder / "hue")), open_side(str(folder / "position")))
    few = read_sample([folder / "shapes.parquet"], count=4)
    comparison = compare(sides, few, rounds=1)
    assert comparison.neighbours == 3
    assert comparison.overlap == 1  # of three others each finds all
    with pytest.raises(ExportError, match="one picture has no neighbours"):
        compare(sides, Sample(few.images[:1], (None,)))


def test_the_page_needs_nothing_beside_it(comparison: Comparison, sample: Sample) -> None:
    text = page(comparison, sample, "category")
    shown = Page(text)
    assert shown.open == 0
    assert all(a.startswith("data:image/") for a in shown.addresses)
    for outside in ("http:", "https:", "url(", "@import", "<script", "<link"):
        assert outside not in text
    assert len(text) < 2_000_000


def test_the_page_marks_what_is_right(comparison: Comparison, sample: Sample) -> None:
    shown = Page(page(comparison, sample, "category"))
    differences = comparison.differences
    groups = (differences.a_finds_more, differences.b_finds_more, differences.neither)
    cards = [d for group in groups for d in group.greatest]
    answers = [found for card in cards for side in card.answers for found in side]
    assert shown.classes.count("card") == len(cards)
    assert shown.classes.count("right") == sum(found.right is True for found in answers)
    assert shown.classes.count("wrong") == sum(found.right is False for found in answers)
    assert shown.classes.count("shared") == sum(found.shared for found in answers)
    assert len(shown.addresses) == len(cards) + len(answers)
    assert "A finds more of the same category" in shown.words


def test_names_and_labels_are_text_and_not_markup(folder: Path, tmp_path: Path) -> None:
    odd = hue_bundle(tmp_path / "<b>&", name="<i>")
    plain = read_sample([folder / "shapes.parquet"], count=COUNT)
    marked = Sample(plain.images, tuple(f'<u>"{label}' for label in plain.labels))
    sides = (open_side(str(odd)), open_side(str(folder / "position")))
    text = page(compare(sides, marked, rounds=1), marked, "<s>")
    shown = Page(text)
    assert shown.open == 0
    for tag in ("<b>&", "<i>", "<u>", "<s>"):
        assert tag not in text
        assert any(tag in words for words in shown.words)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    app = typer.Typer()
    app.callback()(lambda: None)
    cli_compare.register(app)
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_prints_a_table_and_writes_the_page(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    sides = (folder / "hue", folder / "position")
    options = ["--catalog", folder / "shapes.parquet", "--map", "category=outline"]
    code, stdout, _ = run(*sides, *options, "--count", "30", "--out", out)
    assert code == 0
    for words in ("A: hue#best", "B: position#best", "P@1", "overlap@10", "images/s, batch 8"):
        assert words in stdout
    assert str(SIZE) in stdout
    assert "30 pictures" in out.read_text()
    assert {word for word in Page(out.read_text()).words if "square" in word}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"a": "nowhere"}, "no bundle at nowhere"),
        ({"--catalog": "nowhere.parquet"}, "nowhere.parquet: does not exist"),
        ({"--map": "category"}, "--map takes FIELD=COLUMN, not 'category'"),
        ({"--label": "colour"}, "nothing is called 'colour'"),
        ({"--out": "no/such/page.html"}, "there is no folder no/such"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    folder: Path, change: dict[str, str], said: str
) -> None:
    given = {"a": str(folder / "hue"), "--catalog": str(folder / "shapes.parquet"), **change}
    a = given.pop("a")
    options = [word for pair in given.items() for word in pair]
    code, stdout, stderr = run(a, folder / "position", *options, "--count", "20")
    assert code == 2
    assert stdout == ""
    (line,) = stderr.splitlines()
    assert line.startswith("vitrine-export: ")
    assert said in line
