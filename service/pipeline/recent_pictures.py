"""The bytes of query pictures, kept for a while: the next call crops or filters without an upload.

query -> keep -> caches, each with its own bound in bytes and in time -> find, by image id
"""

from collections.abc import Sequence

from service.core.keys import image_digest, picture_key
from service.core.types import Cache

KEPT_SECONDS = 30 * 60


class RecentPictures:
    """Pictures by id in a chain of caches, nearest first; one that fails is gone around."""

    def __init__(self, caches: Sequence[Cache] = ()) -> None:
        self._caches = tuple(caches)

    @property
    def degraded(self) -> bool:
        """Whether any cache of the chain is failing."""
        return any(cache.degraded for cache in self._caches)

    def keep(self, image_id: str, data: bytes) -> None:
        """Keep the bytes for KEPT_SECONDS from now, as far as there is room."""
        for cache in self._caches:
            cache.set(picture_key(image_id), data)

    def find(self, image_id: str) -> bytes | None:
        """Return the bytes, or None where they have expired or made room for others."""
        for cache in self._caches:
            data = cache.get(picture_key(image_id))
            # A shared cache may be written by others: what is not the picture is as good as absent.
            if data is not None and image_digest(data) == image_id:
                return data
        return None
