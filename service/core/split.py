"""Which rows are held out of training: decided by a hash of an id, the same everywhere."""

import hashlib

_SALT = "vitrine-validation-1"


def held_out(key: str, share: float = 0.1) -> bool:
    """Return whether the row (or the whole group) with this key belongs to validation.

    Args:
        key: The id that must stay on one side: a product, or the sender of several photos.
        share: Part of all keys that is held out, 0-1.
    """
    digest = hashlib.sha256(f"{_SALT}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
