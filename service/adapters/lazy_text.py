"""A text encoder that is loaded when the first words come, since most searches are by picture."""

from collections.abc import Callable, Sequence
from threading import Lock

from service.core.types import TextEncoder, Vectors


class LazyTextEncoder:
    """Satisfies `TextEncoder`; of several threads that come first, one loads and the rest wait."""

    def __init__(self, load: Callable[[], TextEncoder]) -> None:
        self._load = load
        self._lock = Lock()
        self._loaded: TextEncoder | None = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts, at least one; raises BundleError where the tower cannot be loaded."""
        return self._encoder().encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return how many tokens these texts are; raises as `encode`."""
        return self._encoder().count_tokens(texts)

    def _encoder(self) -> TextEncoder:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded
