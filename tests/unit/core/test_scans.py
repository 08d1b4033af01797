"""Scans of a JPEG are counted, and those that a picture at 1/8 does not show are left out."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.core.errors import CorruptImageError
from service.core.image import decode
from service.core.scans import count_scans, without_detail
from support.pictures import encoded, photo

PROGRESSIVE = encoded(photo(40, 30), "JPEG", progressive=True)


def busy(mode: str = "RGB", width: int = 403, height: int = 325) -> Image.Image:
    """A photo with detail at every scale, whose sides no block divides."""
    noise = np.random.default_rng(3).normal(0, 25, (height, width, 3))
    grains = np.asarray(photo(width, height)) + noise
    return Image.fromarray(grains.clip(0, 255).astype(np.uint8)).convert(mode)


def progressive(mode: str = "RGB", **options: object) -> bytes:
    return encoded(busy(mode), "JPEG", progressive=True, **options)


def at_an_eighth(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        image.draft(None, (image.width // 8, image.height // 8))
        assert image.size == (51, 41)
        return image.tobytes()


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"subsampling": "4:2:0"}),
        ("RGB", {"subsampling": "4:2:2"}),
        ("RGB", {"subsampling": "4:4:4"}),
        ("RGB", {"subsampling": "4:2:0", "quality": 5}),
        ("RGB", {"subsampling": "4:2:0", "quality": 100}),
        ("RGB", {"subsampling": "4:2:0", "restart_marker_rows": 1}),
        ("L", {}),
        ("CMYK", {}),
    ],
    ids=str,
)
def test_an_eighth_is_the_same_without_what_it_does_not_show(
    mode: str, options: dict[str, object]
) -> None:
    data = progressive(mode, **options)
    less = without_detail(data)

    assert len(less) < len(data)
    assert at_an_eighth(less) == at_an_eighth(data)


def test_a_decoded_picture_is_the_same_as_pillows_own() -> None:
    data = progressive(subsampling="4:2:0")
    assert decode(data, least_side=40).tobytes() == at_an_eighth(data)


@pytest.mark.parametrize("least_side", [81, 162, 325])
def test_a_picture_at_another_scale_keeps_its_detail(least_side: int) -> None:
    data = progressive(quality=90)
    with Image.open(BytesIO(data)) as image:
        image.draft(None, (least_side, least_side))
        expected = image.tobytes()
    assert decode(data, least_side=least_side).tobytes() == expected


def _with_a_bad_segment(data: bytes) -> bytes:
    return data[:-2] + struct.pack(">BBH", 0xFF, 0xFE, 1) + data[-2:]


@pytest.mark.parametrize(
    "data",
    [
        encoded(busy(), "JPEG"),
        progressive(qtables=[[9] * 64]),
        progressive()[:-2],
        _with_a_bad_segment(progressive()),
        progressive()[:-2] + b"\xff\xdb\0\x43\0" + bytes([7] * 64) + b"\xff\xd9",
    ],
    ids=["baseline", "one table for all", "no end", "a segment of no length", "a late table"],
)
def test_anything_unusual_is_left_as_it_is(data: bytes) -> None:
    assert without_detail(data) is data


def test_one_table_for_all_does_no_harm_where_all_are_sampled_alike() -> None:
    data = progressive(qtables=[[9] * 64], subsampling="4:4:4")
    less = without_detail(data)
    assert len(less) < len(data)
    assert at_an_eighth(less) == at_an_eighth(data)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.98])
def test_a_picture_cut_off_within_its_detail_is_still_corrupt(share: float) -> None:
    data = progressive(subsampling="4:4:4")
    with pytest.raises(CorruptImageError):
        decode(data[: int(len(data) * share)], least_side=40)


def test_scans_are_counted_and_what_looks_like_one_is_not() -> None:
    scans = PROGRESSIVE.count(b"\xff\xda")
    assert scans == 10
    preview = struct.pack(">BBH", 0xFF, 0xE2, len(PROGRESSIVE) * 3 + 2) + PROGRESSIVE * 3
    video = b"\xff\xda\0\x08" * 1000
    assert count_scans(PROGRESSIVE[:2] + preview + PROGRESSIVE[2:] + video, 11) == scans
    assert count_scans(PROGRESSIVE, 4) == 4


def test_a_picture_that_is_read_in_one_scan_has_one() -> None:
    after = PROGRESSIVE[PROGRESSIVE.index(b"\xff\xda") :]
    assert count_scans(encoded(photo(40, 30), "JPEG")[:-2] + after, 2) == 1
