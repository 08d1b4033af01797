"""A catalogue of one-letter pictures, for tests of what keeps one."""

from collections.abc import Mapping
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from service.core.store import ProductStore, RunTotals, VectorRows
from service.core.types import Product
from support.fake_store import fill

BUNDLE, OTHER = "b" * 64, "c" * 64
DIM = 8


def image(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def images(names: str) -> tuple[str, ...]:
    return tuple(image(name) for name in names)


def vector(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=DIM).astype(np.float32)


def vectors(names: str) -> dict[str, NDArray[np.float32]]:
    return {image(name): vector(ord(name)) for name in names}


def reindex(
    store: ProductStore,
    catalog: Mapping[str, str],
    embedded: Mapping[str, NDArray[np.float32]] | None = None,
    *,
    delete_missing: bool = False,
) -> RunTotals:
    """Run a whole reindex of products and their pictures."""
    named = [(Product(id_), images(names)) for id_, names in catalog.items()]
    return fill(store, named, BUNDLE, embedded, delete_missing=delete_missing)


def images_of(store: ProductStore, product_id: str) -> tuple[str, ...]:
    return store.get_many([product_id])[product_id].image_ids


def rows_of(store: ProductStore, bundle: str = BUNDLE, batch: int = 100) -> list[VectorRows]:
    with store.view() as view:
        return list(view.rows(bundle, batch))


def count_rows(store: ProductStore, bundle: str = BUNDLE) -> int:
    with store.view() as view:
        return view.count_rows(bundle)
