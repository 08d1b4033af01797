"""What every `ThumbnailStore` keeps to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.adapters.sqlite_thumbnails import SqliteThumbnails
from service.core.store import ThumbnailStore
from service.core.types import Thumbnail
from support.fakes import FakeThumbnails

A, B = "a" * 64, "0b" * 32
WEBP, JPEG = Thumbnail(b"\x00webp", "image/webp"), Thumbnail(b"jpeg" * 9000, "image/jpeg")


@pytest.fixture(params=["sqlite", "fake"])
def thumbnails(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ThumbnailStore]:
    if request.param == "fake":
        yield FakeThumbnails()
    else:
        sqlite = SqliteThumbnails(tmp_path / "thumbnails.db")
        yield sqlite
        sqlite.close()


def test_what_is_absent_is_none(thumbnails: ThumbnailStore) -> None:
    assert thumbnails.get(A) is None
    assert thumbnails.having([A]) == set()


def test_what_is_put_comes_back(thumbnails: ThumbnailStore) -> None:
    thumbnails.put_many({A: WEBP, B: JPEG})
    assert (thumbnails.get(A), thumbnails.get(B)) == (WEBP, JPEG)
    assert thumbnails.having([A, B, "cc" * 32]) == {A, B}
    assert thumbnails.having([]) == set()


def test_one_that_is_there_stays(thumbnails: ThumbnailStore) -> None:
    thumbnails.put_many({A: WEBP})
    thumbnails.put_many({A: JPEG, B: JPEG})
    assert (thumbnails.get(A), thumbnails.get(B)) == (WEBP, JPEG)


def test_nothing_may_be_put(thumbnails: ThumbnailStore) -> None:
    thumbnails.put_many({})
    assert thumbnails.having([A]) == set()
