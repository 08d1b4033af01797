import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from service.demo import catalog
from service.demo.catalog import encode, write_catalog
from service.demo.products import DemoProduct, product
from service.demo.render import render


def test_rows_are_images_and_share_their_products_columns(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    assert write_catalog(path, 4, views=2, seed=7, size=64, first_view=1) == 8
    rows = pq.read_table(path).to_pylist()
    assert [row["id"] for row in rows] == [f"demo-{n // 2:06d}" for n in range(8)]
    item = product(2, seed=7)
    for row, view in zip(rows[4:6], (1, 2), strict=True):
        picture = row.pop("image")
        assert row == {name: getattr(item, name) for name in row}
        assert picture["path"] == f"demo-000002-{view}.jpg"
        assert picture["bytes"] == encode(render(item, view, size=64))


def test_row_groups_are_bounded_and_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_ROW_GROUP", 5)
    path = tmp_path / "shop.parquet"
    assert write_catalog(path, 4, views=3, size=32) == 12
    written = pq.ParquetFile(path).metadata
    assert [written.row_group(n).num_rows for n in range(written.num_row_groups)] == [5, 5, 2]
    assert written.row_group(0).column(0).compression == "ZSTD"


def test_the_same_shop_is_written_to_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_catalog(first, 3, size=48)
    write_catalog(second, 3, size=48)
    assert first.read_bytes() == second.read_bytes()


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.parquet"
    path.write_bytes(b"the old one")

    def fail(item: DemoProduct, view: int, *, size: int) -> Image.Image:
        raise OSError(f"no paint for {item.id} at {view}, {size}")

    monkeypatch.setattr(catalog, "render", fail)
    with pytest.raises(OSError, match="no paint"):
        write_catalog(path, 2)
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.parquet"]
    assert path.read_bytes() == b"the old one"


def test_encode_writes_a_jpeg_whose_quality_matters() -> None:
    image = render(product(3), 1)
    good, poor = encode(image), encode(image, quality=30)
    assert Image.open(io.BytesIO(good)).format == "JPEG"
    assert len(poor) < len(good)
