"""The vectors of a snapshot as half floats, memory-mapped: exact search, and exact rescoring.

    vectors.f16.npy -> rows -> float32, unit length -> cosines with a query

What is read is scaled to unit length again, so that rounding to 16 bits turns a vector a little but
never changes its length: a picture's similarity to itself stays 1 within 1e-6.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.core.types import Vectors

_BLOCK = 16_384
_SMALL_BLOCK, _SHARED_BLOCK, _FEW_QUERIES = 1024, 4096, 8
"""Floats of so many rows stay in a core's cache, which one query gains by; many share a block."""
_SIGN_AND_MAGNITUDE = np.int32(-0x70002000)  # all but the copies of the sign: 0x8fffe000
_OFFSET = np.float32(2.0**112)


class HalfVectors:
    """(n, dim) half floats on disk, read as unit float32; parallel reads are safe."""

    def __init__(self, halves: NDArray[np.float16]) -> None:
        # Without what a memory map adds to every array that is taken of it.
        self._halves = halves.view(np.ndarray)

    def __len__(self) -> int:
        """Vectors held."""
        return len(self._halves)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._halves.shape[1])

    def take(self, rows: NDArray[np.int64] | slice) -> Vectors:
        """Return the (m, dim) vectors of these rows."""
        vectors, lengths = self._read(rows)
        vectors /= lengths[..., np.newaxis]
        return vectors

    def _read(self, rows: NDArray[np.int64] | slice) -> tuple[Vectors, NDArray[np.float32]]:
        """Return vectors as they are kept, and their lengths, which are nearly one."""
        vectors = floats(self._halves[rows])
        lengths = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
        return vectors, np.maximum(lengths, np.float32(1e-12))

    def blocks(self) -> Iterator[Vectors]:
        """Yield every vector, some thousands at a time."""
        for first in range(0, len(self), _BLOCK):
            yield self.take(slice(first, first + _BLOCK))

    def similarities(self, queries: Vectors, rows: NDArray[np.int64]) -> Vectors:
        """Return the (n, k) cosines of n queries with k rows each; -2 for a row of -1."""
        vectors, lengths = self._read(np.maximum(rows, 0))
        found = (vectors @ queries[:, :, np.newaxis])[:, :, 0] / lengths
        return np.where(rows < 0, np.float32(-2), found)

    def search(
        self, queries: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return the exact neighbours of n queries, as `VectorIndex.search` does."""
        n = len(queries)
        best: Vectors = np.empty((n, 0), np.float32)
        where: NDArray[np.int64] = np.empty((n, 0), np.int64)
        kept = None if rows is None else np.flatnonzero(rows)
        count = len(self) if kept is None else len(kept)
        step = _SMALL_BLOCK if n <= _FEW_QUERIES else _SHARED_BLOCK
        for first in range(0, count, step):
            block = slice(first, min(first + step, count))
            part = np.arange(block.start, block.stop) if kept is None else kept[block]
            vectors, lengths = self._read(block if kept is None else part)
            scores = queries @ vectors.T / lengths
            if 0 < limit == best.shape[1]:  # few rows of later blocks are among any query's best
                nearer = (scores > best.min(axis=1, keepdims=True)).any(axis=0)
                scores, part = scores[:, nearer], part[nearer]
            numbers = np.broadcast_to(part, scores.shape)
            best = np.concatenate([best, scores], axis=1)
            where = np.concatenate([where, numbers], axis=1)
            if best.shape[1] > limit:
                top = np.argpartition(-best, limit - 1, axis=1)[:, :limit]
                best, where = np.take_along_axis(best, top, 1), np.take_along_axis(where, top, 1)
        order = np.argsort(-best, axis=1, kind="stable")
        return np.take_along_axis(best, order, 1), np.take_along_axis(where, order, 1)


def floats(halves: NDArray[np.float16]) -> Vectors:
    """Widen finite halves to floats, exactly, in a third of the time that `astype` takes.

    Exponent and fraction are moved to where a float has them; the exponents' offsets, 15 and 127,
    then differ by a factor of 2 ** 112, which makes subnormal halves right too.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_MAGNITUDE
    widened: Vectors = bits.view(np.float32)
    widened *= _OFFSET
    return widened


def write_halves(path: Path, parts: Iterable[Vectors], rows: int, dim: int) -> None:
    """Write (rows, dim) half floats as `.npy`; raises OSError."""
    header = {"descr": "<f2", "fortran_order": False, "shape": (rows, dim)}
    # Written, not mapped: a full disk is then an error, and not a SIGBUS.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(part.astype("<f2").tobytes())


def map_halves(path: Path) -> HalfVectors:
    """Map the vectors of a snapshot; raises OSError and ValueError where it is no such file."""
    try:
        return HalfVectors(np.load(path, mmap_mode="r"))
    except ValueError:  # there is nothing to map of no vectors
        return HalfVectors(np.load(path))
