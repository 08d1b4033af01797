"""What every `StoredVectors` keeps to: the vectors of pictures that were committed, by bundle."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from service.adapters.sqlite_store import SqliteStore
from service.core.types import Product
from support.fake_store import FakeProductStore, fill

A, B, C = (sha256(name.encode()).hexdigest() for name in "abc")
BUNDLE, OTHER = "1" * 64, "2" * 64


@pytest.fixture(params=["sqlite", "fake"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[SqliteStore | FakeProductStore]:
    """With vectors of a and b by one bundle, and of a by another."""
    made = SqliteStore(tmp_path / "catalog.db") if request.param == "sqlite" else FakeProductStore()
    product = Product("p")
    fill(made, [(product, [A, B])], BUNDLE, {A: vector(1), B: vector(2)})
    fill(made, [(product, [A])], OTHER, {A: vector(3)})
    yield made
    if isinstance(made, SqliteStore):
        made.close()


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=8).astype(np.float32)


def test_vectors_come_back_as_they_were(store: SqliteStore | FakeProductStore) -> None:
    found = store.vectors([A, B], BUNDLE)
    assert found.keys() == {A, B}
    np.testing.assert_array_equal(found[A], vector(1))
    np.testing.assert_array_equal(found[B], vector(2))
    assert found[A].dtype == np.float32


def test_another_bundle_has_its_own(store: SqliteStore | FakeProductStore) -> None:
    assert store.vectors([A, B], OTHER).keys() == {A}
    np.testing.assert_array_equal(store.vectors([A], OTHER)[A], vector(3))
    assert store.vectors([A], "3" * 64) == {}


@pytest.mark.parametrize("image_id", [C, "", "short", A.upper(), A + "0", "\ud800", "é" * 64])
def test_what_is_not_there_has_none(store: SqliteStore | FakeProductStore, image_id: str) -> None:
    assert store.vectors([image_id], BUNDLE) == {}
    assert store.vectors([image_id, B], BUNDLE).keys() == {B}
