"""Kinds of index as FAISS names them: choice, number of rows -> what is to be built.

flat        Flat                   exact
hnsw        HNSW32,SQfp16          half floats in a graph
ivf         IVFn,SQfp16            half floats in lists
ivf-rabitq  RRd,IVFn,RaBitQ        one bit a dimension in lists, rescored
binary      Binary                 signs by Hamming distance, rescored; not a FAISS string
FACTORY     as it is               rescored unless its codes are floats
"""

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import faiss

from service.core.errors import IndexChoiceError
from service.core.index_choice import HNSW_LINKS, IndexChoice, IndexKind, automatic

BINARY = "Binary"
_POINTS_PER_LIST = 39
"""What FAISS asks of k-means at least; with fewer it prints warnings."""
_FLAT_QUANTISER_LISTS = 8192
"""With more lists, finding the nearest of them is itself left to a graph."""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What is to be built.

    Attributes:
        kind: The name it was chosen by, never `auto`.
        factory: FAISS's name of it, or `Binary`.
    """

    kind: str
    factory: str


def spec_for(
    choice: IndexChoice, rows: int, dim: int, memory_bytes: int | None = None
) -> IndexSpec:
    """Return what to build for so many vectors.

    Args:
        choice: What was asked for.
        rows: Vectors there are.
        dim: Their width.
        memory_bytes: What `auto` may reckon with; the machine's by default.
    """
    kind = choice.kind
    if kind == IndexKind.AUTO:
        kind = automatic(rows, dim, memory_bytes or machine_memory())
    named = {
        IndexKind.FLAT: "Flat",
        IndexKind.HNSW: f"HNSW{HNSW_LINKS},SQfp16",
        IndexKind.IVF: f"{_lists(rows)},SQfp16",
        IndexKind.IVF_RABITQ: f"RR{dim},{_lists(rows)},RaBitQ",
        IndexKind.BINARY: BINARY,
    }
    factory = named[IndexKind(kind)] if kind in set(IndexKind) else kind
    # There is nothing to train on before there are vectors.
    return IndexSpec(str(kind), factory if rows else "Flat")


def check_choice(choice: IndexChoice, dim: int) -> None:
    """Refuse a factory string that FAISS does not know, before any work is done.

    Raises:
        IndexChoiceError: The message lists the kinds that have names.
    """
    if choice.kind in set(IndexKind):
        return
    try:
        faiss.index_factory(dim, choice.kind, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as exc:
        raise IndexChoiceError(
            f"--index {choice.kind!r} is neither {', '.join(IndexKind)} nor a FAISS factory string "
            f"for cosines of {dim} dimensions, such as IVF1024,SQ8"
        ) from exc


def machine_memory() -> int:
    """Return the bytes of memory this process may have: the machine's, or its container's."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # ValueError: "max", which is no limit
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return memory


def _lists(rows: int) -> str:
    """Inverted lists for so many vectors: four times the root, as FAISS's guidelines have it."""
    count = max(1, min(int(4 * math.sqrt(rows)), rows // _POINTS_PER_LIST))
    return f"IVF{count}" if count <= _FLAT_QUANTISER_LISTS else f"IVF{count}_HNSW32"
