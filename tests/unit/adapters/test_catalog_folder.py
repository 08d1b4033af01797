"""Folders of pictures: every picture is a row, and nothing vanishes in silence."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.adapters.catalog_sources import open_source
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, ImageRef, Product


def refusal(path: Path, columns: Mapping[str, str] | None = None) -> str:
    with pytest.raises(CatalogSourceError) as refused:
        open_source(path, columns=columns or {})
    return str(refused.value)


def test_a_folder_of_pictures_is_a_catalogue(tmp_path: Path) -> None:
    for name in ("b-2.JPG", "a/x_red.png", "a/deep/er/y.heic", "a/notes.txt", ".git/z.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "._x.jpg").touch()
    source = open_source(tmp_path, columns={})
    assert source.total == 3
    assert list(source.rows()) == [
        CatalogRow(Product(id="b-2", title="b 2"), ImageRef(path=tmp_path / "b-2.JPG")),
        CatalogRow(
            Product(id="a/x_red", title="x red", category="a"),
            ImageRef(path=tmp_path / "a" / "x_red.png"),
        ),
        CatalogRow(
            Product(id="a/deep/er/y", title="y", category="a > deep > er"),
            ImageRef(path=tmp_path / "a" / "deep" / "er" / "y.heic"),
        ),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_is_not_utf_8_makes_an_id_that_is(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    (row,) = open_source(tmp_path, columns={}).rows()
    assert row.product.id == r"caf\xe9"
    assert row.image is not None
    assert row.image.path is not None
    assert row.image.path.exists()


def test_a_folder_with_both_pictures_and_parquet_is_ambiguous(tmp_path: Path) -> None:
    (tmp_path / "c.parquet").touch()
    (tmp_path / "1.jpg").touch()
    assert "name the one or the other" in refusal(tmp_path)


def test_a_folder_of_pictures_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    assert "no columns to map" in refusal(tmp_path, {"title": "name"})
