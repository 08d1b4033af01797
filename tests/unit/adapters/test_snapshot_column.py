"""A column of ids, read from Arrow's buffers, is what Arrow itself reads."""

import pyarrow as pa
import pytest

from service.adapters.snapshot_files import Column

IDS = ["p-1", "", "Größe 42", "靴", "p-5", "p-6", "p-7"]


@pytest.mark.parametrize("cuts", [(7,), (1, 6), (3, 0, 4), (2, 2, 2, 1)])
def test_every_row_of_every_chunk(cuts: tuple[int, ...]) -> None:
    rest, chunks = list(IDS), []
    for cut in cuts:
        chunks.append(pa.array(rest[:cut], pa.string()))
        rest = rest[cut:]
    column = Column(pa.chunked_array(chunks, pa.string()))
    assert len(column) == len(IDS)
    assert [column[row] for row in range(len(IDS))] == IDS
    assert list(column) == IDS


def test_a_chunk_that_is_a_part_of_another() -> None:
    column = Column(pa.chunked_array([pa.array(IDS, pa.string()).slice(2, 4)]))
    assert list(column) == IDS[2:6]


@pytest.mark.parametrize("row", [-1, 7])
def test_there_is_no_row_beyond_either_end(row: int) -> None:
    column = Column(pa.chunked_array([pa.array(IDS, pa.string())]))
    with pytest.raises(IndexError, match=f"no row {row} among 7"):
        column[row]
