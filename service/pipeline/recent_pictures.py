"""The bytes of query pictures, kept for a while: the next call crops or filters without an upload.

query -> keep -> caches, each with its own bound in bytes and in time -> find, by image id
"""

from collections.abc import Sequence

from service.core.caching import Cache
from service.core.keys import image_digest, picture_key
from service.pipeline.chain import Chain

KEPT_SECONDS = 30 * 60


class RecentPictures:
    """Pictures by id in a chain of caches, nearest first; one that fails is gone around."""

    def __init__(self, caches: Sequence[Cache] = ()) -> None:
        self._chain = Chain(caches, lambda key, data: key == picture_key(image_digest(data)))

    @property
    def degraded(self) -> bool:
        """Whether any cache of the chain is failing."""
        return self._chain.degraded

    def keep(self, image_id: str, data: bytes) -> None:
        """Keep the bytes for KEPT_SECONDS from now, as far as there is room."""
        self._chain.set(picture_key(image_id), data)

    def keep_near(self, image_id: str, data: bytes) -> None:
        """Keep the bytes in this process, where others have what they need."""
        self._chain.set_near(picture_key(image_id), data)

    def find(self, image_id: str) -> bytes | None:
        """Return the bytes, or None where they have expired or made room for others."""
        return self._chain.get(picture_key(image_id))
