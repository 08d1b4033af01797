"""Which of the encoder's tiers a request gets.

    wanted (auto | best | fast) -> Tiers.pick -> Picks: whose vectors will do -> who makes new ones

`auto` steps down to the fast tier while queries would wait longer than they should, and back once
they have not for a while: a tier that is changed with every query would help nobody.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from service.core.keys import tier_key
from service.core.tiers import Role, Wanted
from service.core.types import Encoder
from service.pipeline.load import Load

_CALM = 0.25
"""Share of the target that a wait must be below, for `_CALM_SECONDS`, before auto steps back."""
_CALM_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Pick:
    """One of the tiers; `key` tells its vectors from those of the others in a cache."""

    role: Role
    encoder: Encoder

    @property
    def key(self) -> str:
        """What its vectors are kept under, beside picture and bundle."""
        return tier_key(self.encoder.tier)


class Tiers:
    """The tiers of a bundle that are open; safe to call from several threads."""

    def __init__(
        self,
        best: Encoder,
        fast: Encoder | None = None,
        *,
        load: Load | None = None,
        target_seconds: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose among them.

        Args:
            best: What products are embedded with.
            fast: A cheaper one, if the bundle has any.
            load: What queries wait for; without it `auto` never steps down.
            target_seconds: How long a query should wait at most.
            clock: Seconds.
        """
        self._best = Pick("best", best)
        self._fast = Pick("fast", fast) if fast else self._best
        self._load = load
        self._target_seconds = target_seconds
        self._clock = clock
        self._lock = Lock()
        self._lowered = False
        self._spacing = 0.0  # of the best tier's answers, in seconds
        self._hurried_at = clock()

    @property
    def best(self) -> Encoder:
        """What products are embedded with."""
        return self._best.encoder

    @property
    def open(self) -> dict[Role, Encoder]:
        """By its role each tier that there is."""
        return {pick.role: pick.encoder for pick in (self._best, self._fast)}

    def pick(self, wanted: Wanted) -> tuple[Pick, ...]:
        """Return whose vectors will do, dearest first; the last is who shall make new ones."""
        if wanted == "fast":
            return (self._fast,)
        if wanted == "auto" and self._fast is not self._best and self._is_lowered():
            return (self._best, self._fast)
        return (self._best,)

    def _is_lowered(self) -> bool:
        if self._load is None:
            return False
        wait, now = self._load.wait_seconds, self._clock()
        with self._lock:
            if wait >= self._target_seconds * _CALM:
                self._hurried_at = now
            if not self._lowered and wait > self._target_seconds:
                self._lowered, self._spacing = True, self._load.spacing
            elif self._lowered and now - self._hurried_at >= _CALM_SECONDS:
                # Else a crowd would be let in at the fast tier's rate, and wait at this one's.
                self._lowered = False
                self._load.expect(self._spacing)
            return self._lowered
