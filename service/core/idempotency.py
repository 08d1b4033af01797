"""A write that is sent again, because its answer got lost, is done once.

Idempotency-Key, and all the request says -> RequestKey -> done before? what was answered -> else
the write, and the key with it in one transaction
"""

from dataclasses import dataclass

KEPT_HOURS = 24
"""How long what was answered is answered again."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a request is known by when it comes again.

    Attributes:
        text: Who sent it, and the key they gave it.
        digest: SHA-256, in hex, of all that the request says.
    """

    text: str
    digest: str
