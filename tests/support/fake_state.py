"""What a catalogue in memory holds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from service.core.store import KnownDownload, Written
from service.core.types import Product, StoredProduct


@dataclass
class State:
    """What is committed."""

    products: dict[str, StoredProduct] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    """(product, image) -> order of insertion."""
    embeddings: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)
    downloads: dict[str, KnownDownload] = field(default_factory=dict)
    log: list[tuple[int, str, bool]] = field(default_factory=list)
    """Sequence, product, and whether a replay tells of it."""
    live: dict[str, int] = field(default_factory=dict)
    """Product -> sequence of its last live write."""
    requests: dict[str, tuple[str, Written]] = field(default_factory=dict)
    """Key -> digest, and what came of it."""
    sequence: int = 0
    inserted: int = 0

    def copy(self) -> "State":
        return replace(
            self,
            products=dict(self.products),
            numbers=dict(self.numbers),
            embeddings=dict(self.embeddings),
            downloads=dict(self.downloads),
            log=list(self.log),
            live=dict(self.live),
            requests=dict(self.requests),
        )

    def put(self, product: Product, images: Sequence[str], *, live: bool) -> StoredProduct:
        self._note(product.id, live=live, replayed=live)
        stored = StoredProduct(
            product, tuple(dict.fromkeys(images)), f"at {self.sequence}", self.sequence
        )
        for image in stored.image_ids:
            if (product.id, image) not in self.numbers:
                self.inserted += 1
                self.numbers[product.id, image] = self.inserted
        self._drop_images(product.id, keep=stored.image_ids)
        self.products[product.id] = stored
        return stored

    def delete(self, product_id: str, *, live: bool) -> None:
        self._note(product_id, live=live, replayed=True)
        self._drop_images(product_id, keep=())
        del self.products[product_id]

    def keep_vectors(self, bundle: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        for image_id, vector in vectors.items():
            self.embeddings.setdefault((image_id, bundle), vector.copy())

    def _note(self, product_id: str, *, live: bool, replayed: bool) -> None:
        self.sequence += 1
        self.log.append((self.sequence, product_id, replayed))
        if live:
            self.live[product_id] = self.sequence

    def _drop_images(self, product_id: str, keep: Collection[str]) -> None:
        for pair in [p for p in self.numbers if p[0] == product_id and p[1] not in keep]:
            del self.numbers[pair]
