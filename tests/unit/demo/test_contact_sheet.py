import pytest
from PIL import Image

from service.demo.contact_sheet import contact_sheet


def test_pictures_fill_rows_from_the_left() -> None:
    colours = ["red", "green", "blue"]
    sheet = contact_sheet([Image.new("RGB", (50, 50), c) for c in colours], columns=2, cell=20)
    assert sheet.size == (2 * 28 + 8, 2 * 28 + 8)
    assert sheet.getpixel((18, 18)) == (255, 0, 0)
    assert sheet.getpixel((46, 18)) == (0, 128, 0)
    assert sheet.getpixel((18, 46)) == (0, 0, 255)
    assert sheet.getpixel((46, 46)) == (255, 255, 255)


def test_captions_are_cut_to_the_cell() -> None:
    picture = Image.new("RGB", (40, 40), "white")
    sheet = contact_sheet([picture], columns=1, cell=40, captions=["a caption wider than its cell"])
    assert sheet.height == 40 + 16 + 16
    beyond = sheet.crop((49, 0, sheet.width, sheet.height))
    assert beyond.getextrema() == ((255, 255),) * 3
    assert sheet.crop((8, 48, 48, 64)).getextrema()[0][0] < 200


def test_one_caption_an_image() -> None:
    with pytest.raises(ValueError, match="1 images but 2 captions"):
        contact_sheet([Image.new("RGB", (8, 8))], columns=1, captions=["a", "b"])
