"""Parquet: shards, Arrow's own types, damage, and memory that stays flat."""

from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.adapters.catalog_sources import open_source
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow

SHARED_DATA = Path(__file__).parents[3].parent / "shared" / "data"


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def read(path: Path) -> list[CatalogRow]:
    return list(open_source(path, columns={}).rows())


def refusal(path: Path) -> str:
    with pytest.raises(CatalogSourceError) as refused:
        read(path)
    return str(refused.value)


def test_rows_are_counted_where_each_has_one_picture(tmp_path: Path) -> None:
    single = write(tmp_path / "single.parquet", id=["a", "b"], image=["a.jpg", None])
    listed = write(tmp_path / "listed.parquet", id=["a"], image=[["a.jpg", "b.jpg"]])
    assert open_source(single, columns={}).total == len(read(single)) == 2
    assert open_source(listed, columns={}).total is None
    assert len(read(listed)) == 2


def test_arrow_s_own_types_become_python_s(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.parquet",
        id=pa.array([1], pa.int64()),
        image=pa.array([b"jpeg"], pa.large_binary()),
        seen=pa.array([1], pa.timestamp("ns")),
        sold=pa.array([[1001]], pa.list_(pa.timestamp("ns", "UTC"))),
        colour=pa.array(["Blue"]).dictionary_encode(),
        sizes=[["S", None, "M"]],
        raw=[b"not an attribute"],
        nested=[{"nor": "this"}],
    )
    (row,) = read(path)
    assert row.product.id == "1"
    assert row.image is not None
    assert row.image.data == b"jpeg"
    assert row.product.attributes == {
        "seen": "1970-01-01T00:00:00",
        "sold": ("1970-01-01T00:00:00.000001+00:00",),
        "colour": "Blue",
        "sizes": ("S", "M"),
    }


def test_a_folder_of_shards_is_one_catalogue(tmp_path: Path) -> None:
    for i in (2, 0, 1):
        write(tmp_path / f"train-{i}.parquet", id=[f"p{i}"], image=["a.jpg"])
    (tmp_path / "README.md").write_text("shards", encoding="utf-8")
    source = open_source(tmp_path, columns={})
    assert source.total == 3
    assert [row.product.id for row in source.rows()] == ["p0", "p1", "p2"]


def test_shards_that_differ_are_named(tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", id=["1"], image=["1.jpg"])
    write(tmp_path / "1.parquet", id=["2"], image=["2.jpg"], price=[5])
    message = refusal(tmp_path)
    assert "0.parquet" in message
    assert "1.parquet" in message
    assert message.endswith("only one of them has: price")


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    path.write_bytes(b"PNG, really")
    assert f"{path}: not a readable Parquet file" in refusal(path)


def test_a_file_damaged_within_is_refused(tmp_path: Path) -> None:
    ids = [str(i) for i in range(100)]
    path = write(tmp_path / "c.parquet", id=ids, image=ids)
    data = bytearray(path.read_bytes())
    data[4:60] = b"\xff" * 56  # the first page; the footer at the end stays whole
    path.write_bytes(data)
    assert f"{path}: cannot be read" in refusal(path)


@pytest.mark.parametrize(("rows", "row_bytes"), [(8192, 1 << 13), (256, 1 << 18)])
def test_memory_stays_flat(tmp_path: Path, rows: int, row_bytes: int) -> None:
    """A row group of 64 MiB, as a shop's own export writes them, is never held whole."""
    path = tmp_path / "c.parquet"
    picture = bytes(row_bytes)
    table = pa.table({"id": [str(i) for i in range(rows)], "image": [picture] * rows})
    with pq.ParquetWriter(
        path, table.schema, compression="none", use_dictionary=False, write_batch_size=16
    ) as writer:
        writer.write_table(table)
    assert pq.read_metadata(path).num_row_groups == 1
    del table
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in open_source(path, columns={}).rows()]
    assert len(held) == rows
    assert max(held) < 48 << 20


def test_a_real_catalogue_is_read_as_it_is() -> None:
    path = SHARED_DATA / "fashion-hires.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    source = open_source(path, columns={})
    assert source.total == 8610
    rows = list(islice(source.rows(), 1000))
    assert len({row.product.id for row in rows}) == 1000
    for row in rows:
        assert row.product.title
        assert row.product.category == row.product.attributes["article_type"]
        assert row.image is not None
        assert row.image.data is not None
        assert row.image.data.startswith(b"\xff\xd8")
