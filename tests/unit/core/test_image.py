"""decode(): every picture a shop may send comes out upright, RGB and bounded, or as one error."""

import io
import pickle
import subprocess
import sys
import threading
import time
import zlib
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.core.errors import (
    CorruptImageError,
    ImageTooLargeError,
    InvalidImageError,
    UnsupportedImageError,
)
from service.core.image import ImageLimits, decode
from support.odd_files import huge_png, write_odd_files
from support.pictures import (
    PALETTE,
    RGB,
    RGBA,
    encoded,
    grey16,
    jpeg_with_exif,
    orientation_exif,
    photo,
    png,
    png_chunk,
    quadrants,
)

REPOSITORY = Path(__file__).parents[3]
HEADER_END = 8 + 25  # of a PNG: signature and IHDR

TURNED_BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def average(image: Image.Image) -> tuple[int, ...]:
    return tuple(pixels(image).mean(axis=(0, 1)).round().astype(int).tolist())


def corners(image: Image.Image) -> list[str]:
    """Name the colours of the four quadrants, row by row."""
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white"}
    w, h = image.size
    places = [
        (w // 4, h // 4),
        (w * 3 // 4, h // 4),
        (w // 4, h * 3 // 4),
        (w * 3 // 4, h * 3 // 4),
    ]
    return [names[tuple(int(c > 127) for c in image.getpixel(p))] for p in places]


@pytest.mark.parametrize("least_side", [64, 16], ids=["as it is", "shrunk"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_comes_out_upright(orientation: int, kind: str, least_side: int) -> None:
    turn = TURNED_BACK[orientation]
    stored = quadrants().transpose(turn) if turn is not None else quadrants()
    data = encoded(stored, kind, exif=orientation_exif(orientation))

    image = decode(data, least_side=least_side)

    assert corners(image) == ["red", "green", "blue", "white"]
    assert image.mode == "RGB"
    assert image.size == (least_side, least_side)


def test_a_turned_photo_swaps_its_sides() -> None:
    data = encoded(photo(120, 80), "JPEG", exif=orientation_exif(6))
    assert decode(data, least_side=64).size == (80, 120)


def test_a_turned_16_bit_picture_comes_out_upright() -> None:
    ramp = np.tile(np.linspace(0, 65535, 40), (20, 1))
    exif = png_chunk(b"eXIf", orientation_exif(3).removeprefix(b"Exif\0\0"))
    data = grey16(ramp)
    image = decode(data[:HEADER_END] + exif + data[HEADER_END:], least_side=20)
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((39, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\xff" * 40,
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\x01\0\0\0" + b"\xff" * 30,
        orientation_exif(6).removeprefix(b"Exif\0\0")[:15],
        # Orientation as text, and without a value.
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0six\0\0\0\0\0",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ],
)
def test_a_broken_exif_block_does_not_lose_the_picture(block: bytes) -> None:
    image = decode(jpeg_with_exif(quadrants(), block), least_side=64)
    assert corners(image) == ["red", "green", "blue", "white"]


def test_no_exif_block_loses_a_picture() -> None:
    rng = np.random.default_rng(7)
    sound = bytearray(orientation_exif(6).removeprefix(b"Exif\0\0") + bytes(40))
    for _ in range(300):
        block = bytearray(sound)
        for place in rng.integers(0, len(block), size=rng.integers(1, 8)):
            block[place] = rng.integers(0, 256)
        assert decode(jpeg_with_exif(quadrants(16), bytes(block)), least_side=16).mode == "RGB"


def test_odd_files_are_read_without_a_warning() -> None:
    """In a fresh process: pytest replaces the warning filters of this one."""
    block = b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\xff\0\0\0\xff\xff\0\0"
    script = (
        "import sys; from service.core.image import decode;"
        "print(decode(sys.stdin.buffer.read(), least_side=64).size)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        input=jpeg_with_exif(quadrants(), block),
        capture_output=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (b"(64, 64)", b"")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("least_side", [64, 16])
def test_transparency_is_laid_on_white(kind: str, least_side: int) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 32, 64))
    image.paste((0, 0, 0, 128), (32, 32, 64, 64))

    out = decode(
        encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {})),
        least_side=least_side,
    )

    last = least_side - 1
    assert out.getpixel((0, 0)) == (255, 0, 0)
    assert out.getpixel((last, 0)) == (255, 255, 255)
    assert out.getpixel((last, last)) == pytest.approx((127, 127, 127), abs=1)


@pytest.mark.parametrize("least_side", [32, 8])
def test_the_colour_under_transparency_does_not_bleed(least_side: int) -> None:
    """Fully transparent red between white must not tint the shrunk picture."""
    image = Image.new("RGBA", (32, 32), (255, 255, 255, 255))
    image.paste((255, 0, 0, 0), (0, 0, 15, 32))
    out = decode(encoded(image, "PNG"), least_side=least_side)
    assert out.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("least_side", [32, 8])
def test_transparency_in_a_palette_a_key_and_grey(least_side: int) -> None:
    palette = bytes((255, 0, 0, 0, 0, 255))
    half = b"\0" * 16 + b"\1" * 16
    by_palette = png(
        (32, 32),
        repeat(half, 32),
        colour=PALETTE,
        extra=png_chunk(b"PLTE", palette) + png_chunk(b"tRNS", b"\0\xff"),
    )
    by_key = png(
        (32, 32),
        repeat(bytes((255, 0, 0)) * 16 + bytes((0, 0, 255)) * 16, 32),
        colour=RGB,
        extra=png_chunk(b"tRNS", bytes((0, 255, 0, 0, 0, 0))),
    )
    for data in (by_palette, by_key):
        out = decode(data, least_side=least_side)
        assert out.getpixel((0, 0)) == (255, 255, 255)
        assert out.getpixel((least_side - 1, 0)) == (0, 0, 255)

    grey_alpha = Image.new("LA", (32, 32), (0, 0))
    assert average(decode(encoded(grey_alpha, "PNG"), least_side=least_side)) == (255, 255, 255)


def test_cmyk_red_is_red() -> None:
    data = encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG", quality=95)
    for least_side in (64, 8):
        red, green, blue = average(decode(data, least_side=least_side))
        assert red > 250
        assert max(green, blue) < 5


@pytest.mark.parametrize(
    ("sample", "grey"), [(0, 0), (128, 0), (511, 2), (32768, 128), (65535, 255)]
)
@pytest.mark.parametrize("least_side", [32, 8])
def test_16_bit_grey_keeps_its_brightness(sample: int, grey: int, least_side: int) -> None:
    data = grey16(np.full((32, 32), sample))
    assert average(decode(data, least_side=least_side)) == (grey,) * 3


def test_16_bit_colour_keeps_its_colour() -> None:
    row = np.array([65535, 32768, 0] * 32, ">u2").tobytes()
    data = png((32, 32), repeat(row, 32), depth=16, colour=RGB)
    assert average(decode(data, least_side=32)) == pytest.approx((255, 128, 0), abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_every_png_mode_keeps_its_grey(mode: str) -> None:
    bars = Image.new("L", (60, 60), 0)
    bars.paste(255, (30, 0, 60, 60))
    for least_side in (60, 10):
        out = decode(encoded(bars.convert(mode), "PNG"), least_side=least_side)
        assert out.getpixel((0, 0)) == (0, 0, 0)
        assert out.getpixel((out.width - 1, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("least_side", [32, 8])
def test_the_first_frame_of_an_animation_is_taken(kind: str, least_side: int) -> None:
    frames = [Image.new("RGBA", (32, 32), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {"disposal": 1}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert average(decode(data, least_side=least_side)) == (255, 0, 0)


def test_the_first_picture_of_several_in_one_jpeg_is_taken() -> None:
    both = {"save_all": True, "append_images": [Image.new("RGB", (64, 64), "blue")]}
    data = encoded(Image.new("RGB", (64, 64), "red"), "MPO", **both)
    assert average(decode(data, least_side=64)) == pytest.approx((255, 0, 0), abs=2)


def test_a_large_jpeg_is_decoded_small_and_close_to_the_whole() -> None:
    original = photo(2000, 1500)
    small = decode(encoded(original, "JPEG", quality=95), least_side=100)

    assert 100 <= small.height < 200
    whole = original.resize(small.size, Image.Resampling.BOX)
    assert np.abs(pixels(small) - pixels(whole)).mean() < 1.5


def test_bands_give_the_same_picture_as_one_piece() -> None:
    original = photo(331, 517)
    small = decode(encoded(original, "PNG"), least_side=45)
    assert np.array_equal(pixels(small), pixels(original.reduce(331 // 45)))


def test_a_small_picture_keeps_every_pixel() -> None:
    original = photo(50, 30)
    assert np.array_equal(
        pixels(decode(encoded(original, "PNG"), least_side=448)), pixels(original)
    )


def test_nothing_of_the_metadata_survives() -> None:
    data = encoded(photo(64, 64), "JPEG", comment=b"taken at home", exif=orientation_exif(3))
    image = decode(data, least_side=64)
    assert image.info == {}
    assert b"taken at home" not in encoded(image, "JPEG")


def test_huge_profiles_and_broken_text_do_not_lose_a_png() -> None:
    data = encoded(Image.new("RGB", (32, 32), "red"), "PNG")
    profile = png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(3_000_000)))
    broken = png_chunk(b"tEXt", b"key\0value")[:-1] + b"!"
    out = decode(data[:HEADER_END] + profile + broken + data[HEADER_END:], least_side=32)
    assert average(out) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", CorruptImageError),
        (b"\xff\xd8\xff", CorruptImageError),
        (b"\x89PNG\r\n\x1a\n", CorruptImageError),
        (b"RIFF\x10\0\0\0WEBPVP8 ", CorruptImageError),
        (b"GIF89a", UnsupportedImageError),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedImageError),
        (b"RIFF\x10\0\0\0WAVEfmt ", UnsupportedImageError),
    ],
)
def test_bytes_that_are_no_picture(data: bytes, error: type[InvalidImageError]) -> None:
    with pytest.raises(error) as caught:
        decode(data, least_side=64)
    assert "0x" not in str(caught.value), "an address in memory tells the reader nothing"


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF", "AVIF"])
def test_other_kinds_are_unsupported(kind: str) -> None:
    with pytest.raises(UnsupportedImageError):
        decode(encoded(photo(32, 32), kind), least_side=64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_truncated_picture_is_corrupt(kind: str, share: float) -> None:
    data = encoded(photo(200, 200), kind)
    with pytest.raises(CorruptImageError):
        decode(data[: int(len(data) * share)], least_side=64)


def test_a_picture_without_rows_is_corrupt() -> None:
    data = bytearray(encoded(photo(32, 32), "JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 7] = b"\0\0"
    with pytest.raises(CorruptImageError):
        decode(bytes(data), least_side=64)


def at_most(**limits: float) -> ImageLimits:
    return ImageLimits(**{"max_bytes": 10**6, "max_pixels": 10**6, "max_aspect": 20.0} | limits)


def test_limits_are_inclusive() -> None:
    data = encoded(photo(100, 50), "PNG")
    fits = at_most(max_bytes=len(data), max_pixels=5000, max_aspect=2.0)
    assert decode(data, least_side=64, limits=fits).size == (100, 50)

    for tight in (
        at_most(max_bytes=len(data) - 1),
        at_most(max_pixels=4999),
        at_most(max_aspect=1.99),
    ):
        with pytest.raises(ImageTooLargeError):
            decode(data, least_side=64, limits=tight)


def test_webp_and_cmyk_have_a_tighter_pixel_limit() -> None:
    webp = encoded(photo(60, 50), "WEBP")
    cmyk = encoded(photo(60, 50).convert("CMYK"), "JPEG")
    assert decode(webp, least_side=64, limits=at_most(max_pixels=9000)).size == (60, 50)
    assert decode(cmyk, least_side=64, limits=at_most(max_pixels=4000)).size == (60, 50)
    with pytest.raises(ImageTooLargeError, match=r"2,999 pixels"):
        decode(webp, least_side=64, limits=at_most(max_pixels=8999))
    with pytest.raises(ImageTooLargeError, match=r"2,999 pixels"):
        decode(cmyk, least_side=64, limits=at_most(max_pixels=3999))


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    """65 bytes a scan make libjpeg go through the whole picture again."""
    data = encoded(photo(64, 64), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    bomb = data[:-2] + last_scan * 300 + data[-2:]
    limits = at_most(max_pixels=64 * 64)
    assert decode(data, least_side=64, limits=limits).size == (64, 64)
    with pytest.raises(ImageTooLargeError, match="scans"):
        decode(bomb, least_side=64, limits=limits)


def test_a_huge_picture_is_refused_before_its_pixels() -> None:
    data = huge_png()
    assert len(data) < 200_000
    start = time.process_time()
    with pytest.raises(ImageTooLargeError, match="20000x20000"):
        decode(data, least_side=256)
    assert time.process_time() - start < 0.05


MEASURE = """
import io, sys
from PIL import Image
from service.core.crop import Box
from service.core.errors import ImageTooLargeError
from service.core.image import decode

def peak_kb():
    # Not ru_maxrss: that one survives exec, so it starts at the peak of pytest itself.
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

for kind in ("JPEG", "PNG", "WEBP"):
    idle = io.BytesIO()
    Image.new("RGB", (64, 64)).save(idle, kind)
    decode(idle.getvalue(), least_side=256)
data = sys.stdin.buffer.read()
before = peak_kb()
try:
    decode(data, least_side=256, box=Box(*map(float, sys.argv[1:])) if sys.argv[1:] else None)
except ImageTooLargeError:
    print("refused", end=" ")
print((peak_kb() - before) // 1024)
"""


def peak_megabytes(data: bytes, *box: float) -> tuple[bool, int]:
    """Decode in a fresh process; return whether it was refused and its peak over idle."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, box)],
        input=data,
        capture_output=True,
        cwd=REPOSITORY,
        check=True,
    )
    *refused, peak = done.stdout.split()
    return bool(refused), int(peak)


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads VmHWM")


@needs_proc
def test_a_huge_picture_costs_no_memory() -> None:
    refused, peak = peak_megabytes(huge_png())
    assert refused
    assert peak < 20


def rgba_png(side: int) -> bytes:
    return png((side, side), repeat(b"\x10\x80\xff\x80" * side, side), colour=RGBA)


def grey16_png(side: int) -> bytes:
    return png((side, side), repeat(b"\x80\x00" * side, side), depth=16)


def progressive_jpeg(side: int) -> bytes:
    return encoded(Image.new("RGB", (side, side), "red"), "JPEG", progressive=True, subsampling=0)


def progressive_cmyk_jpeg(side: int) -> bytes:
    return encoded(Image.new("CMYK", (side, side)), "JPEG", progressive=True)


def alpha_webp(side: int) -> bytes:
    return encoded(Image.new("RGBA", (side, side), (255, 0, 0, 99)), "WEBP", method=0)


@needs_proc
@pytest.mark.parametrize(
    ("make", "largest"),
    [
        (rgba_png, 6324),
        (grey16_png, 6324),
        (progressive_jpeg, 6324),
        (progressive_cmyk_jpeg, 5477),
        (alpha_webp, 3651),
    ],
)
def test_the_largest_picture_stays_under_300_megabytes(make, largest: int) -> None:
    data = make(largest)
    for box in ((), (0.2, 0.2, 0.3, 0.3), (0.0, 0.01, 1.0, 1.0)):
        refused, peak = peak_megabytes(data, *box)
        assert not refused
        assert peak < 300, box


def test_the_odd_files_end_as_they_should(tmp_path: Path) -> None:
    expected = write_odd_files(tmp_path)
    ended: dict[str, str | None] = {}
    for path in tmp_path.iterdir():
        try:
            decode(path.read_bytes(), least_side=448)
            ended[path.name] = None
        except InvalidImageError as exc:
            ended[path.name] = exc.code
    assert ended == expected


def test_threads_decode_side_by_side() -> None:
    originals = [photo(90 + i, 70, seed=i) for i in range(8)]
    expected = [original.reduce(70 // 32) for original in originals]
    out: list[Image.Image | None] = [None] * 8

    def work(i: int) -> None:
        for _ in range(20):
            out[i] = decode(encoded(originals[i], "PNG"), least_side=32)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(
        got is not None and np.array_equal(pixels(got), pixels(want))
        for got, want in zip(out, expected, strict=True)
    )


def test_the_result_outlives_its_bytes() -> None:
    """A plain picture, not a lazy file: it can be copied, sent to a process and saved."""
    image = decode(encoded(photo(40, 40), "JPEG"), least_side=64)
    again = pickle.loads(pickle.dumps(image))
    assert type(image) is Image.Image
    assert np.array_equal(pixels(again), pixels(image))
    image.save(io.BytesIO(), "PNG")


NO_ROOM = """
import resource, sys
from pathlib import Path
from service.core.errors import VitrineError
from service.core.image import decode
data = Path(sys.argv[1]).read_bytes()
decode(Path(sys.argv[2]).read_bytes(), least_side=64)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 30_000_000,) * 2)
try:
    decode(data, least_side=64)
except VitrineError as exc:
    print(exc.code)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads how much is mapped")
def test_a_lack_of_memory_is_not_told_as_a_damaged_picture(tmp_path: Path) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    Image.new("RGB", (6000, 6000)).save(large)
    Image.new("RGB", (64, 64)).save(small)
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, large, small], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("overloaded\n", "")
