"""What clients were told of each product, against what a service says after it was killed.

a write is sent -> may be | answered -> must be | cut off -> either
"""

from dataclasses import dataclass, field
from threading import Lock


@dataclass(frozen=True, slots=True)
class State:
    """A product as one write left it: its title, and the number of its picture."""

    title: str
    picture: int


Possible = frozenset[State | None]
"""None is no product."""


@dataclass
class Ledger:
    """By product, the states it may be in; one writer a product, any number in all."""

    _possible: dict[str, Possible] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    acknowledged: int = 0

    def states(self, product_id: str) -> Possible:
        return self._possible.get(product_id, frozenset({None}))

    def sent(self, product_id: str, state: State | None) -> None:
        """A write went out, and may come about or not."""
        with self._lock:
            self._possible[product_id] = self.states(product_id) | {state}

    def answered(self, product_id: str, state: State | None) -> None:
        """A write was said to be durable."""
        with self._lock:
            self._possible[product_id] = frozenset({state})
            self.acknowledged += 1

    def found(self, product_id: str, state: State | None) -> None:
        """Hold what a service says against what it said; from now on it is that."""
        assert state in self.states(product_id), (
            f"{product_id} is {state}, and may be {sorted(map(str, self.states(product_id)))}"
        )
        self._possible[product_id] = frozenset({state})

    def ids(self) -> list[str]:
        return sorted(self._possible)
