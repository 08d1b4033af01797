"""A box shows the part of the picture that people see in it, at the picture's own resolution."""

import numpy as np
import pytest
from PIL import Image

from service.core.crop import Box
from service.core.errors import InvalidQueryError
from service.core.image import decode
from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from support.pictures import encoded, jpeg_with_exif, orientation_exif, photo, quadrants

LEFT_UPPER = Box(0.0, 0.0, 0.5, 0.5)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_box_is_of_the_upright_picture(kind: str, orientation: int):
    stored = photo(120, 80, seed=4)
    if kind == "JPEG":
        data = jpeg_with_exif(stored, orientation_exif(orientation))
    else:
        lossless = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(stored, kind, exif=orientation_exif(orientation), **lossless)
    whole = decode(data, least_side=1000)
    box = Box(0.25, 0.5, 0.75, 0.9)
    width, height = whole.size
    expected = whole.crop((width // 4, height // 2, 3 * width // 4, round(height * 0.9)))

    found = decode(data, least_side=1000, box=box)

    assert found.size == expected.size
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_each_quarter_has_its_colour():
    data = encoded(quadrants(), "PNG")
    colours = {
        (0, 0): (255, 0, 0), (0.5, 0): (0, 255, 0), (0, 0.5): (0, 0, 255), (0.5, 0.5): (255,) * 3
    }  # fmt: skip
    for (x, y), colour in colours.items():
        found = decode(data, least_side=8, box=Box(x, y, x + 0.5, y + 0.5))
        assert set(found.get_flattened_data()) == {colour}


@pytest.mark.parametrize("decoding", ["quick", "faithful"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_small_part_of_a_large_picture_keeps_its_details(kind: str, decoding: str):
    """Stripes of two pixels, which are grey once the picture has been shrunk as a whole."""
    pixels = np.zeros((1600, 2400, 3), np.uint8)
    pixels[:, ::4] = pixels[:, 1::4] = 255
    data = encoded(Image.fromarray(pixels), kind, quality=95)
    spec = PreprocessSpec(size=48, decoding=decoding)
    whole = preprocess(spec, decode_for(spec, data))
    part = preprocess(spec, decode_for(spec, data, box=Box(0.5, 0.5, 0.54, 0.56)))

    assert whole.std() < 20
    assert part.std() > 80


@pytest.mark.parametrize("size", [(1000, 700), (333, 517), (64, 64)])
def test_a_box_is_what_a_crop_would_be_to_the_model(size: tuple[int, int]):
    """Whatever scale the decoder chose: the very crop, saved and sent as its own picture."""
    picture, spec = photo(*size, seed=2), PreprocessSpec(size=32)
    box = Box(0.2, 0.1, 0.9, 0.7)
    cropped = picture.crop(box.area(*size))
    alone = preprocess(spec, decode_for(spec, encoded(cropped, "PNG")))
    for kind in ("PNG", "JPEG"):
        data = encoded(picture, kind, quality=98)
        found = preprocess(spec, decode_for(spec, data, box=box))
        assert difference(found, alone) < 2


def test_the_whole_picture_in_a_box_is_the_whole_picture():
    for data in (encoded(photo(900, 601), "JPEG"), encoded(photo(901, 600), "PNG")):
        boxed = decode(data, least_side=64, box=Box(0.0, 0.0, 1.0, 1.0))
        plain = decode(data, least_side=64)
        np.testing.assert_array_equal(np.asarray(boxed), np.asarray(plain))


@pytest.mark.parametrize(
    "numbers",
    [
        (0.5, 0.0, 0.5, 1.0), (0.6, 0.0, 0.5, 1.0), (0.0, 0.9, 1.0, 0.1), (-0.1, 0.0, 1.0, 1.0),
        (0.0, 0.0, 1.01, 1.0), (float("nan"), 0.0, 1.0, 1.0), (0.0, 0.0, 1.0), (), (0.0,) * 5,
    ],
)  # fmt: skip
def test_what_is_no_box_is_refused(numbers: tuple[float, ...]):
    with pytest.raises(InvalidQueryError, match="box is"):
        Box.of(numbers)


def test_a_box_of_a_few_pixels_is_refused_with_their_number():
    data = encoded(photo(300, 200), "PNG")
    with pytest.raises(InvalidQueryError, match=r"covers 6x200 pixels of the 300x200"):
        decode(data, least_side=8, box=Box(0.1, 0.0, 0.12, 1.0))
    assert decode(data, least_side=8, box=Box(0.1, 0.0, 0.13, 1.0)).width > 0


def test_equal_boxes_are_written_alike_and_others_not():
    assert str(Box.of([0, 0, 0.5, 0.5])) != str(Box(0.0, 0.0, 0.5, 0.5000001))
    assert str(Box.of([0.0, 0, 0.5, 0.5])) == str(LEFT_UPPER)
