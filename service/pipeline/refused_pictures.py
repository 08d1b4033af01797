"""Pictures found to be none: the same bytes get the same error, and are not decoded again.

decoding fails -> note -> a cache of this process -> check, before the next turn at decoding

Only what is wrong with the picture itself: an overload or a URL that fails may be over in a moment.
"""

from service.core.caching import Cache
from service.core.errors import (
    CorruptImageError,
    ImageTooLargeError,
    InvalidImageError,
    UnsupportedImageError,
)
from service.core.keys import refused_key

_CLASSES: dict[str, type[InvalidImageError]] = {
    each.code: each
    for each in (InvalidImageError, UnsupportedImageError, CorruptImageError, ImageTooLargeError)
}


class RefusedPictures:
    """Errors by the picture and the part of it that was asked for; without a cache, none."""

    def __init__(self, cache: Cache | None = None) -> None:
        """Keep as many, and for as long, as the cache does."""
        self._cache = cache

    def check(self, key: str) -> None:
        """Raise what was noted of it, if anything.

        Raises:
            InvalidImageError: The class and the message are those of then.
        """
        value = self._cache.get(refused_key(key)) if self._cache else None
        if value is not None:
            code, _, message = value.decode().partition("\n")
            raise _CLASSES[code](message)

    def note(self, key: str, error: InvalidImageError) -> None:
        """Remember what is wrong with it."""
        if self._cache:
            self._cache.set(refused_key(key), f"{error.code}\n{error}".encode())
