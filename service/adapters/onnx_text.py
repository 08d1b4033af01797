"""The text encoder on ONNX Runtime: texts -> tokens -> (n, dim) unit vectors near the pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from service.adapters.bundles import read_bundle
from service.adapters.onnx_session import check_graph, open_session
from service.core.errors import BundleError
from service.core.types import Vectors


class OnnxTextEncoder:
    """A bundle's text tower in one session, which several threads may share."""

    def __init__(
        self,
        folder: Path,
        *,
        provider: str = "cpu",
        threads: int | None = None,
        spinning: bool = True,
    ) -> None:
        """Load and verify the text side of a bundle.

        Args:
            folder: Of the bundle.
            provider: As of `OnnxEncoder`.
            threads: As of `OnnxEncoder`.
            spinning: As of `OnnxEncoder`.

        Raises:
            BundleError: The bundle has no text tower, is incomplete, damaged, or not what its
                manifest says.
            ProviderUnavailableError: The provider is not in use after loading.
        """
        manifest = read_bundle(folder)
        text = manifest.text
        if text is None:
            raise BundleError(
                f"bundle {folder} searches by picture only: it has no text tower; "
                "docs/models.md says which models bring one"
            )
        file = folder / text.file
        self._session = open_session(file, provider=provider, threads=threads, spinning=spinning)
        promised = {
            "tokens": ("tensor(int64)", [text.max_length]),
            "embedding": ("tensor(float)", [manifest.dim]),
        }
        check_graph(self._session, promised, file)
        self._tokenizer = _tokenizer(folder / text.tokenizer, text.max_length)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts, at least one, into (n, dim) float32 of unit length."""
        encodings = self._tokenizer.encode_batch(list(texts))
        tokens = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        (vectors,) = self._session.run(["embedding"], {"tokens": tokens})
        return np.asarray(vectors, dtype=np.float32)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return how many tokens these texts are, padding left out, cut to the model's length."""
        return sum(sum(found.attention_mask) for found in self._tokenizer.encode_batch(list(texts)))


def _tokenizer(path: Path, max_length: int) -> Tokenizer:
    """Read a tokenizer, whose file holds the padding and the cut as well."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # what tokenizers raises has no name of its own
        raise BundleError(f"{path} cannot be read as a tokenizer: {exc}") from exc
    lengths = {len(tokenizer.encode(text).ids) for text in ("", "word " * max_length)}
    if lengths != {max_length}:
        raise BundleError(
            f"{path} makes texts of {sorted(lengths)} tokens, bundle.json says {max_length}: "
            "export the model again"
        )
    return tokenizer
