"""Products are kept until anything is written, and never shown after they are gone."""

from collections.abc import Sequence

import pytest

from service.adapters.kept_products import KeptProducts
from service.core.types import Product, StoredProduct


class Catalogue:
    """Products by id, counting what is read; every change is another moment."""

    def __init__(self, *ids: str) -> None:
        self.revision = dict.fromkeys(ids, 1)
        self.moment = 1
        self.asked: list[list[str]] = []

    def change(self, product_id: str, revision: int | None) -> None:
        self.moment += 1
        self.revision.pop(product_id, None)
        if revision is not None:
            self.revision[product_id] = revision

    def stamp(self) -> str:
        return str(self.moment)

    def read(self, ids: Sequence[str]) -> dict[str, StoredProduct]:
        self.asked.append(list(ids))
        return {
            each: StoredProduct(Product(each), (), "now", self.revision[each])
            for each in ids
            if each in self.revision
        }


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue("a", "b", "c")


def revisions(kept: KeptProducts, *ids: str) -> dict[str, int]:
    return {each: stored.revision for each, stored in kept.get_many(ids).items()}


def test_what_was_read_is_not_read_again_and_what_was_not_there_is(catalogue: Catalogue) -> None:
    kept = KeptProducts(catalogue.stamp, catalogue.read, 10)
    assert revisions(kept, "a", "none") == {"a": 1}
    assert revisions(kept, "b", "a", "none") == {"a": 1, "b": 1}
    assert revisions(kept, "a", "b") == {"a": 1, "b": 1}
    assert catalogue.asked == [["a", "none"], ["b", "none"]]


def test_a_change_is_seen_and_what_is_gone_is_gone(catalogue: Catalogue) -> None:
    kept = KeptProducts(catalogue.stamp, catalogue.read, 10)
    revisions(kept, "a", "b")
    catalogue.change("a", 2)
    assert revisions(kept, "a", "b") == {"a": 2, "b": 1}
    catalogue.change("a", None)
    assert revisions(kept, "a", "b") == {"b": 1}


def test_no_more_than_so_many_are_kept(catalogue: Catalogue) -> None:
    kept = KeptProducts(catalogue.stamp, catalogue.read, 2)
    for each in "abc":
        revisions(kept, each)
    assert revisions(kept, "c") == {"c": 1}, "kept"
    revisions(kept, "a")
    assert catalogue.asked == [["a"], ["b"], ["c"], ["a"]]


def test_what_was_read_while_it_was_deleted_is_not_kept(catalogue: Catalogue) -> None:
    """One reads, another deletes, a third has seen that: the first must not put it back."""

    def read(ids: Sequence[str]) -> dict[str, StoredProduct]:
        found = catalogue.read(ids)
        if "a" in found:
            catalogue.change("a", None)
            revisions(kept, "b")
        return found

    kept = KeptProducts(catalogue.stamp, read, 10)
    assert revisions(kept, "a") == {"a": 1}, "as it was when it was asked for"
    assert revisions(kept, "a", "b") == {"b": 1}
