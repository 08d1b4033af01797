"""Which of the encoder's tiers a request gets.

wanted (auto | best | fast) -> Tiers.pick -> Pick: the tier that looks at what no cache knows
"""

from dataclasses import dataclass

from service.core.keys import tier_key
from service.core.tiers import Role, Wanted
from service.core.types import Encoder


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

    def __init__(self, best: Encoder, fast: Encoder | None = None) -> None:
        """Choose among them.

        Args:
            best: What products are embedded with.
            fast: A cheaper one, if the bundle has any.
        """
        self._best = Pick("best", best)
        self._fast = Pick("fast", fast) if fast else self._best

    @property
    def best(self) -> Encoder:
        """What products are embedded with."""
        return self._best.encoder

    def pick(self, wanted: Wanted) -> tuple[Pick, ...]:
        """Return whose vectors will do, dearest first; the last is who shall make new ones."""
        return (self._fast,) if wanted == "fast" else (self._best,)
