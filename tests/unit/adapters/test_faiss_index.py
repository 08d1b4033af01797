"""An index on disk: whole, or an error."""

import resource
from pathlib import Path

import faiss
import numpy as np
import pytest

from service.adapters.faiss_index import FlatBuilder, read_index
from service.core.errors import IndexCorruptError


def builder(rows: int) -> FlatBuilder:
    built = FlatBuilder(16)
    built.add(np.random.default_rng(0).normal(size=(rows, 16)).astype(np.float32))
    return built


def test_the_file_is_one_that_faiss_reads(tmp_path: Path) -> None:
    builder(100).write(tmp_path / "index.faiss")
    assert faiss.read_index(str(tmp_path / "index.faiss")).ntotal == 100
    found = read_index(tmp_path / "index.faiss")
    assert (len(found), found.dim) == (100, 16)


@pytest.mark.parametrize("rows", [10, 10_000], ids=["when closed", "while written"])
def test_a_full_disk_is_an_error(tmp_path: Path, rows: int) -> None:
    """FAISS's own writer prints a line and goes on."""
    built = builder(rows)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (rows * 32, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            built.write(tmp_path / "index.faiss")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("data", [b"", b"IxFI", b"not an index at all" * 10])
def test_what_faiss_cannot_read_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "index.faiss").write_bytes(data)
    with pytest.raises(IndexCorruptError, match=r"index\.faiss cannot be read"):
        read_index(tmp_path / "index.faiss")
