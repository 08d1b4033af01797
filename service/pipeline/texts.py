"""Words to what the text tower makes of them, each read once.

text -> another request is at it? wait for that : cached? -> one run of the tower -> cached
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.core.errors import VitrineError
from service.core.types import Seen, TextEncoder
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.shared_work import SharedWork
from service.pipeline.terms import PATIENT, Terms


@dataclass(frozen=True, slots=True)
class TextSide:
    """The text tower of a bundle, a cache of what it made of words, and what it is asked for now.

    Safe to call from several threads.
    """

    encoder: TextEncoder
    cache: EmbeddingCache
    work: SharedWork[Seen] = field(default_factory=SharedWork)

    def read(self, texts: Sequence[str], terms: Terms = PATIENT) -> dict[str, Seen | VitrineError]:
        """Embed texts, those that nobody is at in one run.

        Raises:
            EncoderError: The tower failed.
            AbandonedError: Nobody waits any more.
            DeadlineExceededError: It took too long.
        """
        keys = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
        found = self.work.done(list(keys), lambda own: self._led(keys, own), terms)
        return {keys[key]: seen for key, seen in found.items()}

    def _led(self, keys: dict[str, str], own: Sequence[str]) -> dict[str, Seen]:
        cached = self.cache.get_many([(key, "") for key in own])
        found = {key: seen for key, seen in zip(own, cached, strict=True) if seen is not None}
        if new := [key for key in own if key not in found]:
            vectors = self.encoder.encode([keys[key] for key in new])
            for key, vector in zip(new, vectors, strict=True):
                found[key] = seen = Seen(vector)
                self.cache.set(key, seen)
        return found
