"""How often somebody may ask: a bucket of tokens each, refilled at a steady rate.

request -> take a token of its key's bucket -> served, or told when the next token is there
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """What one key may do.

    Attributes:
        per_second: Requests a second in the long run, above 0.
        burst: Requests at once, after a pause; at least 1.
    """

    per_second: float
    burst: int

    def refilled(self, tokens: float, seconds: float) -> float:
        """Return the tokens of a bucket after some seconds; a clock set back adds none."""
        return min(float(self.burst), tokens + max(0.0, seconds) * self.per_second)

    def taken(self, tokens: float, *, allowed: bool) -> "Taken":
        """Tell what there is in a bucket with `tokens` left."""
        lacking = 0.0 if allowed else max(0.0, 1 - tokens)
        until_full = max(0.0, self.burst - tokens) / self.per_second
        return Taken(allowed, int(tokens), lacking / self.per_second, until_full)


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether there was a token, and what is left.

    Attributes:
        allowed: There was one.
        remaining: Whole tokens left.
        wait_seconds: Until there is one, 0 where there was.
        full_seconds: Until the bucket is full.
    """

    allowed: bool
    remaining: int
    wait_seconds: float
    full_seconds: float


class Buckets(Protocol):
    """A bucket a name, made full when first asked for; safe to call from several threads."""

    @property
    def rate(self) -> Rate:
        """What each name may do."""
        ...

    @property
    def waits(self) -> bool:
        """Whether taking may wait for another machine."""
        ...

    def take(self, name: str) -> Taken:
        """Take a token of this name's bucket, if there is one; never raises."""
        ...
