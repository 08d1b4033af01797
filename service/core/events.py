"""What shoppers did with what a search showed them, as a shop reports it; and who keeps that.

answer -> the shop's page -> POST /v1/events -> EventStore -> `vitrine events export` -> training
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EventType(StrEnum):
    """What became of one product of an answer."""

    IMPRESSION = "impression"
    CLICK = "click"
    ADD_TO_CART = "add_to_cart"
    PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one product that an answer showed.

    Attributes:
        reporter: Name of the key it came with; "" where there are none.
        id: The reporter's own for it: what comes with the same again is the same event.
        request_id: Of the answer that showed the product.
        position: Where it stood in what was shown, from 1.
        image_id: The picture that was searched by.
    """

    reporter: str
    id: str
    type: EventType
    request_id: str
    product_id: str
    position: int | None = None
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as it is kept.

    Attributes:
        at: When it came, ISO 8601.
    """

    at: str
    event: Event


class EventStore(Protocol):
    """Keeps the last so many events durably; safe for several threads and processes."""

    def add(self, events: Sequence[Event]) -> list[Event]:
        """Keep those that are not known yet, and return them; raises StoreError."""
        ...

    def since(self, moment: datetime | None) -> Iterator[list[KeptEvent]]:
        """Yield what came at a moment or later, oldest first, some at a time; all with None."""
        ...
