"""Which of a bundle's tiers is `best` and which is `fast`.

    bundle + settings -> best: what products are embedded with -> fast: what cheaper queries are

All of them embed into one space, so that a query by the one finds products by the other.
"""

from typing import Literal

Role = Literal["best", "fast"]
"""What a tier is to a request, whatever the bundle calls it."""
Wanted = Literal["auto", "fast", "best"]
"""`auto` is the best, as long as that keeps up with what is asked."""
