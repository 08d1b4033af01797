"""Which kind of index: what may be asked for, and what `auto` makes of size and memory.

rows, dim, memory -> auto -> flat | hnsw | ivf-rabitq        (docs/scale.md has the figures)
"""

from dataclasses import dataclass
from enum import StrEnum

FLAT_ROWS = 50_000
"""An exact search over this many takes about as long as a graph's does with its overheads."""
HNSW_ROWS = 5_000_000
"""Beyond this a graph takes hours to build on one machine."""
_MEMORY_SHARE = 0.5
"""Of the memory: during a swap the old snapshot is still served beside the new one."""
HNSW_LINKS = 32


class IndexKind(StrEnum):
    """What has a name; anything else that is asked for is a FAISS factory string."""

    AUTO = "auto"
    FLAT = "flat"
    HNSW = "hnsw"
    IVF = "ivf"
    IVF_RABITQ = "ivf-rabitq"
    BINARY = "binary"


class BuildOn(StrEnum):
    """What an index is built on; files and searches are the same."""

    AUTO = "auto"
    """A GPU where FAISS finds one."""
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class IndexChoice:
    """What a reindex was asked for.

    Attributes:
        kind: An `IndexKind`, or a FAISS factory string.
        target_recall: Recall@10 against exact search that the index must reach, 0-1.
        centralize: Nearest neighbours a vector is averaged with where they are mutual
            (`core/centralize.py`); 0 leaves it as it is.
    """

    kind: str = IndexKind.AUTO
    target_recall: float = 0.95
    centralize: int = 0


BY_SIZE = IndexChoice()


def automatic(rows: int, dim: int, memory_bytes: int) -> IndexKind:
    """Return the kind for so many vectors on a machine with so much memory.

    Exact while that is quick; then a graph, the fastest at high recall, while it fits beside the
    one it replaces; then one bit a dimension, rescored from the vectors on disk.
    """
    if rows <= FLAT_ROWS:
        return IndexKind.FLAT
    fits = rows * hnsw_bytes(dim) <= _MEMORY_SHARE * memory_bytes
    return IndexKind.HNSW if rows <= HNSW_ROWS and fits else IndexKind.IVF_RABITQ


def hnsw_bytes(dim: int) -> int:
    """Return the memory of a vector in an HNSW index: half floats, and links on every level."""
    return 2 * dim + 4 * (2 * HNSW_LINKS + 4)
