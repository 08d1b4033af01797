from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from service.core.tasks import Item
from support.fakes import FakeEncoder
from support.pictures import encoded, photo
from support.tiny_bundle import exported_once
from support.tiny_photos import write_photos
from training import sheet
from training.sheet import ANSWERS, draw_sheet, small_png
from training.sheet_rows import Gallery, Question, draw_questions

GREEN, RED = (30, 150, 60), (205, 50, 45)


class Texts:
    """One direction for whatever is said."""

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.tile(np.eye(1, 32, dtype=np.float32), (len(texts), 1))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"))


def question(answers: int = 8, item: Item | None = None) -> Question:
    """The first of the gallery is right, the others are wrong."""
    items = [
        Item(f"g{i}", encoded(photo(40, 40, seed=i), "PNG"), (f"{i}",)) for i in range(answers)
    ]
    angles = np.linspace(0, 1, answers)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    vector = np.array([1, 0], np.float32)
    gallery = Gallery(items, vectors)
    return Question("a query", item, vector, gallery, lambda found: found.labels == ("0",))


def test_answers_come_nearest_first_and_never_are_the_query() -> None:
    asked = question().gallery.items[0]
    found = question(item=asked).answers(3)
    assert [item.id for item, _ in found] == ["g1", "g2", "g3"]
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)


def test_right_answers_have_a_green_frame_and_wrong_ones_a_red_one() -> None:
    drawn = draw_sheet([question()], cell=80)
    pixels = [drawn.getpixel((8 + place * 88 + 2, 8 + 40)) for place in range(1 + ANSWERS)]
    assert pixels[1] == GREEN
    assert pixels[2:] == [RED] * (ANSWERS - 1)
    assert pixels[0] not in (GREEN, RED)


def test_a_small_gallery_leaves_the_rest_of_the_row_empty() -> None:
    drawn = draw_sheet([question(answers=2), question()], cell=80)
    assert drawn.size == draw_sheet([question(), question()], cell=80).size
    assert drawn.getpixel((8 + 3 * 88 + 2, 8 + 40)) == (255, 255, 255)


def test_the_sheet_is_made_to_fit() -> None:
    fine = small_png([question()])
    limit = len(fine) // 2
    coarse = small_png([question()], max_bytes=limit)
    assert len(coarse) <= limit
    assert Image.open(BytesIO(coarse)).size[0] <= Image.open(BytesIO(fine)).size[0]


def test_the_seed_decides_what_is_asked(photos: Path) -> None:
    def asked(seed: int, texts: Texts | None = None) -> list[str]:
        rows = draw_questions(photos, FakeEncoder(), texts, rows=8, seed=seed)
        return [row.item.id if row.item else row.caption for row in rows]

    assert asked(0) == asked(0) != asked(1)
    with_words = asked(0, Texts())
    assert len(with_words) == len(set(with_words)) == 8
    assert [name.split("-")[0] for name in with_words[:6]] == ["f", "f", "c", "c", "g", "g"]
    assert all(" " in name for name in with_words[6:])
    assert [name.split("-")[0] for name in asked(0)] == ["f"] * 3 + ["c"] * 3 + ["g"] * 2


def test_what_counts_as_right_is_what_the_tasks_say(photos: Path) -> None:
    catalogue, *_ = rows = draw_questions(photos, FakeEncoder(), Texts(), rows=8, seed=0)
    assert catalogue.item is not None
    for item in catalogue.gallery.items:
        assert catalogue.right(item) == (item.labels == catalogue.item.labels)
    street, shelf, words = rows[2], rows[4], rows[6]
    assert {i.labels[0] for i in street.gallery.items if street.right(i)} == {"Shirts"}
    assert shelf.item is not None
    assert {i.labels for i in shelf.gallery.items if shelf.right(i)} == {shelf.item.labels}
    found = {i.labels[:2] for i in words.gallery.items if words.right(i)}
    assert [f"{colour} {kind}".lower() for kind, colour in found] == [words.caption]


def test_the_command_writes_a_png(
    photos: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bundle = exported_once(tmp_path_factory.getbasetemp() / "tiny-bundle") / "bundle"
    app, out = Typer(), tmp_path / "results.png"
    app.command()(sheet.run)
    result = CliRunner().invoke(app, [str(bundle), "--data", str(photos), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.stat().st_size <= sheet.MAX_BYTES
    with Image.open(out) as image:
        image.verify()
    assert "8 queries" in result.output
    missing = CliRunner().invoke(app, [str(tmp_path), "--data", str(photos), "--out", str(out)])
    assert missing.exit_code == 2
    assert "no bundle at" in missing.output
