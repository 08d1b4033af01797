"""Products of a snapshot are found by id, and all of their rows marked, in a copy."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from service.core.empty_snapshot import empty_snapshot
from service.core.snapshot import Snapshot
from service.core.tombstones import Graveyard
from service.core.types import AttributeValue, Product, Vectors
from support.fakes import BruteForceIndex, FakeFields, fake_manifest


class Fields(FakeFields):
    """Counts the ids that were asked for."""

    def __init__(self, products: Sequence[Product]) -> None:
        super().__init__(products)
        self.asked = 0

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        self.asked += len(products)
        return super().values(key, products)


def snapshot_of(product_rows: Sequence[int], ids: Sequence[str]) -> Snapshot:
    vectors: Vectors = np.ones((len(product_rows), 4), np.float32)
    return replace(
        empty_snapshot(fake_manifest(dim=4)),
        index=BruteForceIndex(vectors),
        product_rows=np.array(product_rows, np.int32),
        fields=Fields([Product(id_) for id_ in ids]),
    )


def test_every_row_of_a_product_is_marked_wherever_it_is() -> None:
    graveyard = Graveyard(snapshot_of([0, 1, 0, 2, 1, 3, 0], ["a", "b", "c", "d"]))
    first = graveyard.bury(["a", "of no such product"])
    assert first.alive.tolist() == [False, True, False, True, True, True, False]
    assert first.rows.tolist() == [0, 2, 6]
    assert first.products.tolist() == [0]
    second = graveyard.bury(["d", "a", "b"])
    assert np.flatnonzero(second.alive).tolist() == [3]
    assert sorted(second.rows.tolist()) == [0, 1, 2, 4, 5, 6]
    assert sorted(second.products.tolist()) == [0, 1, 5]
    assert first.alive.sum() == 4, "what was shown before stays"
    assert graveyard.bury(["a"]).alive is second.alive, "nothing new, nothing copied"


def test_a_snapshot_without_products_has_nothing_to_bury() -> None:
    found = Graveyard(snapshot_of([], [])).bury(["a"])
    assert len(found.alive) == len(found.rows) == len(found.products) == 0


def test_ids_of_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.core.tombstones.hash", len, raising=False)
    graveyard = Graveyard(snapshot_of([0, 1, 2, 3], ["aa", "b", "cc", "d"]))
    assert graveyard.bury(["cc", "ee"]).rows.tolist() == [2]
    assert graveyard.bury(["b"]).rows.tolist() == [2, 1]


@pytest.mark.parametrize("prepared", [False, True])
def test_ids_are_read_once_at_the_latest_by_the_first_write(prepared: bool) -> None:
    base = snapshot_of(range(1000), [f"p{i}" for i in range(1000)])
    fields = base.fields
    assert isinstance(fields, Fields)
    graveyard = Graveyard(base)
    assert fields.asked == 0
    if prepared:
        graveyard.prepare()
        graveyard.prepare()
        assert fields.asked == 1000
    graveyard.bury(["p1"])
    assert fields.asked == 1001
    for number in range(50):
        graveyard.bury([f"p{number}", "another"])
    assert fields.asked <= 1100
