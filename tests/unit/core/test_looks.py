"""A look at a small picture: alike for copies, unlike for others, blank where nothing is seen."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.core.looks import COPY_DIFFERENCE, Look, look, shrunk
from service.core.types import Thumbnail
from support.pictures import encoded, jpeg_with_exif, orientation_exif, photo


def seen(image: Image.Image, kind: str = "PNG", **options: object) -> Look:
    found = look(Thumbnail(encoded(image, kind, **options), "image/any"))
    assert found is not None
    return found


def difference(a: Look, b: Look) -> int:
    return int(np.abs(a.cells.astype(int) - b.cells).max())


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 35}), ("WEBP", {"quality": 60}), ("JPEG", {"quality": 90})],
)
@pytest.mark.parametrize("side", [240, 120, 90])
def test_a_copy_looks_alike(kind: str, options: dict[str, int], side: int) -> None:
    whole = photo(240, 240, seed=1)
    copy = whole.resize((side, side), Image.Resampling.LANCZOS)
    assert difference(seen(whole), seen(copy, kind, **options)) <= COPY_DIFFERENCE


def test_another_picture_does_not() -> None:
    assert difference(seen(photo(240, 240, seed=1)), seen(photo(240, 240, seed=2))) > 50


def test_a_changed_corner_is_noticed() -> None:
    changed = photo(240, 240, seed=1)
    changed.paste((255, 255, 255), (0, 0, 30, 30))
    assert difference(seen(photo(240, 240, seed=1)), seen(changed)) > COPY_DIFFERENCE


def test_the_cells_are_the_mean_colours_of_a_grid() -> None:
    colours = np.random.default_rng(0).integers(0, 256, size=(8, 8, 3)).astype(np.uint8)
    image = Image.fromarray(colours.repeat(16, axis=0).repeat(16, axis=1))
    assert seen(image).cells.reshape(8, 8, 3).tolist() == colours.tolist()


def test_a_turned_jpeg_is_looked_at_upright() -> None:
    upright = photo(96, 96, seed=3)
    turned = jpeg_with_exif(upright.transpose(Image.Transpose.ROTATE_90), orientation_exif(6)[6:])
    found = look(Thumbnail(turned, "image/jpeg"))
    assert found is not None
    assert difference(found, seen(upright)) <= COPY_DIFFERENCE


@pytest.mark.parametrize("size", [(1, 1), (256, 256), (20, 256)])
def test_one_colour_is_blank_whatever_its_size(size: tuple[int, int]) -> None:
    assert seen(Image.new("RGB", size, (240, 240, 238))).blank


def test_a_thin_line_is_not() -> None:
    image = Image.new("RGB", (256, 256), "white")
    image.paste((120, 120, 120), (20, 128, 236, 131))
    assert not seen(image).blank


def test_what_cannot_be_decoded_is_not_looked_at() -> None:
    broken = Thumbnail(b"no picture", "image/webp")
    assert look(broken) is None
    assert shrunk(broken, 64) is None


def test_a_picture_for_the_page_fits_its_square() -> None:
    small = shrunk(Thumbnail(encoded(photo(256, 128), "JPEG"), "image/jpeg"), 160)
    assert small is not None
    with Image.open(BytesIO(small.data)) as image:
        assert (image.format, image.size) == ("WEBP", (160, 80))
