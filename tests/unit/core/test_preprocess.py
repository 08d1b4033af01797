"""preprocess(): any RGB picture becomes the model's square, each way of resizing as it says."""

import numpy as np
import pytest
from PIL import Image

from service.core.errors import ImageTooLargeError
from service.core.image import WHOLE, ImageLimits, decode
from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from support.pictures import encoded, jpeg_with_exif, orientation_exif, photo

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def three_bands(width: int = 300, height: int = 100) -> Image.Image:
    """Red, green and blue thirds from left to right."""
    image = Image.new("RGB", (width, height), GREEN)
    image.paste(RED, (0, 0, width // 3, height))
    image.paste(BLUE, (width - width // 3, 0, width, height))
    return image


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (20, 1), (32, 32), (33, 31), (640, 48)])
@pytest.mark.parametrize("resize", ["squash", "shortest", "pad"])
def test_every_picture_becomes_the_models_square(resize: str, size: tuple[int, int]) -> None:
    out = preprocess(PreprocessSpec(size=32, resize=resize), Image.new("RGB", size, RED))
    assert out.shape == (32, 32, 3)
    assert out.dtype == np.uint8
    assert out[16, 16].tolist() == list(RED)


@pytest.mark.parametrize("resize", ["squash", "shortest", "pad"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_a_picture_of_the_right_size_is_left_as_it_is(resize: str, interpolation: str) -> None:
    image = photo(32, 32)
    spec = PreprocessSpec(size=32, resize=resize, interpolation=interpolation)
    assert np.array_equal(preprocess(spec, image), np.asarray(image))


def test_squash_keeps_everything() -> None:
    out = preprocess(PreprocessSpec(size=30, resize="squash"), three_bands())
    assert [out[15, x].tolist() for x in (2, 15, 27)] == [list(RED), list(GREEN), list(BLUE)]


@pytest.mark.parametrize("turned", [False, True])
def test_shortest_keeps_the_centre(turned: bool) -> None:
    image = three_bands().rotate(90, expand=True) if turned else three_bands()
    out = preprocess(PreprocessSpec(size=30, resize="shortest"), image)
    # The filter reaches a little over the edge of the crop.
    assert (out[2:-2, 2:-2] == GREEN).all()


def test_crop_pct_keeps_that_share_of_the_shorter_side() -> None:
    """A 100 px square with a 50 px green one inside: half of the side shows green alone."""
    image = Image.new("RGB", (140, 100), RED)
    image.paste(GREEN, (45, 25, 95, 75))

    def green_share(crop_pct: float) -> float:
        spec = PreprocessSpec(size=50, resize="shortest", crop_pct=crop_pct)
        return float((preprocess(spec, image) == GREEN).all(axis=-1).mean())

    assert green_share(0.5) == 1.0
    assert green_share(1.0) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("turned", [False, True])
def test_pad_keeps_the_aspect_ratio_on_the_background(turned: bool) -> None:
    wide = Image.new("RGB", (300, 100), RED)
    spec = PreprocessSpec(size=30, resize="pad", background=BLUE)
    out = preprocess(spec, wide.rotate(90, expand=True) if turned else wide)
    out = out.transpose(1, 0, 2) if turned else out

    assert (out[10:20] == RED).all()
    assert (out[:10] == BLUE).all()
    assert (out[20:] == BLUE).all()


def test_pad_keeps_a_line_of_a_very_long_picture() -> None:
    spec = PreprocessSpec(size=32, resize="pad", background=BLUE)
    out = preprocess(spec, Image.new("RGB", (1000, 5), RED))
    assert (out == RED).all(axis=-1).sum() == 32


def test_a_large_step_is_averaged_over_all_pixels() -> None:
    """Stripes of one pixel turn grey; without antialiasing they stay black or white."""
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    for interpolation in ("bilinear", "bicubic", "lanczos"):
        spec = PreprocessSpec(size=32, interpolation=interpolation)
        out = preprocess(spec, Image.fromarray(stripes))
        assert np.abs(out.astype(int) - 127).max() < 16


def test_interpolations_differ() -> None:
    image = photo(90, 90)
    results = {
        preprocess(PreprocessSpec(size=32, interpolation=kind), image).tobytes()
        for kind in ("bilinear", "bicubic", "lanczos")
    }
    assert len(results) == 3


def test_the_picture_itself_is_not_changed() -> None:
    image = photo(70, 50)
    before = image.tobytes()
    for resize in ("squash", "shortest", "pad"):
        preprocess(PreprocessSpec(size=32, resize=resize), image)
    assert image.tobytes() == before


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decode_for_leaves_at_least_twice_the_models_size(kind: str) -> None:
    image = decode_for(PreprocessSpec(size=32), encoded(photo(1000, 800), kind))
    assert 64 <= min(image.size) < 128


def test_decode_for_passes_the_limits_on() -> None:
    with pytest.raises(ImageTooLargeError):
        decode_for(
            PreprocessSpec(size=32),
            encoded(photo(60, 60), "PNG"),
            ImageLimits(max_pixels=3599),
        )


@pytest.mark.parametrize("resize", ["squash", "shortest", "pad"])
def test_the_decoders_shortcut_hardly_changes_the_input(resize: str) -> None:
    """A photo shrunk while decoding gives nearly what the whole photo gives."""
    spec = PreprocessSpec(size=64, resize=resize)
    original = photo(1600, 1200)
    quick = preprocess(spec, decode_for(spec, encoded(original, "JPEG", quality=95)))
    whole = preprocess(spec, original)
    assert np.abs(quick.astype(int) - whole.astype(int)).mean() < 1.5


@pytest.mark.parametrize("size", [(300, 200), (200, 301), (57, 90), (97, 97), (1000, 64)])
@pytest.mark.parametrize("resize", ["squash", "shortest"])
def test_resize_side_is_a_resize_and_the_middle_whole_pixels_of_it(
    resize: str, size: tuple[int, int]
) -> None:
    """As `transformers` does it in two steps: integer sizes, and a crop that rounds down."""
    image = photo(*size)
    spec = PreprocessSpec(size=56, resize=resize, resize_side=64)
    width, height = size
    whole = (64, 64)
    if resize == "shortest":
        whole = (
            (64, int(64 * height / width)) if width <= height else (int(64 * width / height), 64)
        )
    resized = np.asarray(image.resize(whole, Image.Resampling.BICUBIC))
    left, top = (whole[0] - 56) // 2, (whole[1] - 56) // 2
    expected = resized[top : top + 56, left : left + 56].astype(int)
    # Pillow rounds after each of its two passes; from a box, a value near .5 may round otherwise.
    error = np.abs(preprocess(spec, image) - expected)
    assert error.max() <= 2
    assert error.mean() < 0.05


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(1125, 901), (1339, 1071), (2400, 777)])
def test_faithful_decoding_hardly_changes_even_a_busy_picture(
    kind: str, size: tuple[int, int]
) -> None:
    """Where the shrinking leaves partial blocks, the quick way shifts what is seen."""
    noise = np.random.default_rng(1).normal(0, 60, (size[1] // 8 + 1, size[0] // 8 + 1, 3))
    busy = np.asarray(photo(*size)) + noise.repeat(8, 0).repeat(8, 1)[: size[1], : size[0]]
    data = encoded(Image.fromarray(busy.clip(0, 255).astype(np.uint8)), kind)
    quick, faithful = (
        PreprocessSpec(size=48, resize="shortest", decoding=decoding)
        for decoding in ("quick", "faithful")
    )
    whole = preprocess(quick, decode(data, least_side=4000)).astype(int)

    def error(spec: PreprocessSpec) -> float:
        return float(np.abs(preprocess(spec, decode_for(spec, data)) - whole).mean())

    assert error(faithful) < 0.7
    assert error(faithful) < error(quick) / 2


def test_faithful_decoding_keeps_four_pixels_for_one_of_the_resized_picture() -> None:
    spec = PreprocessSpec(size=24, resize="shortest", resize_side=32, decoding="faithful")
    image = decode_for(spec, encoded(photo(1001, 803), "PNG"))
    assert 128 <= min(image.size) < 160


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_crop_is_reckoned_from_the_whole_picture(orientation: int) -> None:
    """450 x 351 at 32: the longer side is 41, of 225 x 175, what is left of it, 40 or 41."""
    upright = photo(450, 351) if orientation == 1 else photo(351, 450)
    data = jpeg_with_exif(photo(450, 351), orientation_exif(orientation))
    spec = PreprocessSpec(size=32, resize="shortest", resize_side=32, decoding="faithful")
    small = decode_for(spec, data)
    assert small.size != upright.size
    assert small.info == {WHOLE: upright.size}
    expected = preprocess(spec, decode(data, least_side=1000))
    assert np.abs(preprocess(spec, small).astype(int) - expected).mean() < 0.7


@pytest.mark.parametrize("orientation", range(1, 9))
def test_faithful_decoding_turns_a_picture_as_its_exif_says(orientation: int) -> None:
    upright = photo(501, 399)
    data = jpeg_with_exif(upright, orientation_exif(orientation))
    spec = PreprocessSpec(size=16, decoding="faithful")
    quick = preprocess(PreprocessSpec(size=16), decode_for(PreprocessSpec(size=16), data))
    faithful = preprocess(spec, decode_for(spec, data))
    assert np.abs(faithful.astype(int) - quick).mean() < 2
