"""What every cache keeps to, and what it tells of itself.

flow (embeddings, results, pictures) -> Chain -> Cache: memory | Redis -> counts -> /metrics
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable
from zlib import crc32

BreakerState: TypeAlias = Literal["closed", "half_open", "open"]
"""Asked; asked by one alone, to see whether it works again; left alone."""

_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What a cache did since it was made, and what it holds.

    Attributes:
        hits: Values found.
        misses: Keys that were asked for, and had none.
        evictions: Values that made room for others, before their time was over.
        failures: Times that it did not answer.
        entries: Values held; None where the cache is a server's, which others fill too.
        bytes: What these take, their keys and the bookkeeping too; None likewise.
        breaker: Whether it is asked; None of one that cannot fail.
    """

    hits: int
    misses: int
    evictions: int = 0
    failures: int = 0
    entries: int | None = None
    bytes: int | None = None
    breaker: BreakerState | None = None


@runtime_checkable
class Cache(Protocol):
    """Bytes by key, best effort: a failing cache answers None and never raises."""

    def get(self, key: str) -> bytes | None:
        """Return the value, or None where it is absent or the cache is down."""
        ...

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values in order, as `get` does each, at the cost of one."""
        ...

    def set(self, key: str, value: bytes) -> None:
        """Keep the value for the cache's own time to live, if it can."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether the cache is failing at present."""
        ...

    @property
    def counts(self) -> CacheCounts:
        """What it did, and holds."""
        ...


def lifetime(ttl_seconds: float, key: str) -> float:
    """Return how long a value is kept, in seconds: at least so long, at most a tenth longer.

    What was set together then does not go together, which would make a wave of work; the same key
    has the same lifetime everywhere.
    """
    return ttl_seconds * (1 + _SPREAD * crc32(key.encode()) / 2**32)
