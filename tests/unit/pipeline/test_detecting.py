"""What a picture shows, and when that narrows a search."""

import numpy as np
import pytest

from service.core.filter_text import parse_filter_text
from service.core.filters import Filter
from service.core.manifest import Head, Receipt
from service.core.snapshot import Snapshot
from service.core.types import Product
from service.pipeline.detecting import SURE, Detected, detected, narrow
from service.pipeline.filtering import Filtering
from support.fake_store import FakeProductStore, fill
from support.fakes import FakeEncoder, FakeSnapshots

KIND = Head(output="head_category", name="category", labels=("Bags", "Shoes", "Hats", "Ties"))
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed_products=0, seconds=0)


@pytest.fixture
def snapshot() -> Snapshot:
    """Six bags, of which two are red, and a hat."""
    encoder, store = FakeEncoder(), FakeProductStore()
    products, vectors = [], {}
    for number in range(7):
        category = "bags" if number < 6 else "Hats"
        colour = "red" if number < 2 else "blue"
        product = Product(f"p{number}", category=category, attributes={"colour": colour})
        products.append((product, [f"{number:064x}"]))
        vectors[f"{number:064x}"] = np.eye(32, dtype=np.float32)[number]
    fill(store, products, encoder.bundle_digest, vectors)
    with store.view() as view:
        return FakeSnapshots().build(view, encoder.manifest, RECEIPT)


def sure_of(label: str, probability: float = SURE) -> dict[str, tuple[Detected, ...]]:
    return {"category": (Detected(label, probability), Detected("Ties", 0.01))}


def test_the_likeliest_labels_are_told_and_the_hopeless_are_not() -> None:
    probabilities = np.array([0.2, 0.7, 0.095, 0.005], np.float32)
    (kind,) = detected((KIND,), {"category": probabilities}).values()
    assert [each.label for each in kind] == ["Shoes", "Bags", "Hats"]
    assert [each.probability for each in kind] == pytest.approx([0.7, 0.2, 0.095])
    (sure,) = detected((KIND,), {"category": np.array([0.995, 0.005, 0, 0], np.float32)}).values()
    assert [each.label for each in sure] == ["Bags"]


def test_what_was_not_looked_at_shows_nothing() -> None:
    assert detected((KIND,), {}) == {}


def test_a_sure_category_narrows_whatever_its_case(snapshot: Snapshot) -> None:
    found = narrow(Filtering(), snapshot, Filter(), sure_of("Bags"), 6)
    assert found.told.applied
    assert (found.told.label, found.told.probability) == ("Bags", SURE)
    assert found.kept is not None
    assert found.kept.products == 6
    assert found.filter == parse_filter_text("category:Bags")


def test_the_filter_that_was_sent_holds_too(snapshot: Snapshot) -> None:
    wanted = parse_filter_text("colour:red")
    found = narrow(Filtering(), snapshot, wanted, sure_of("Bags"), 2)
    assert found.kept is not None
    assert found.kept.products == 2
    assert set(found.filter.must) > set(wanted.must)


@pytest.mark.parametrize(
    ("shown", "least", "reason"),
    [
        (sure_of("Bags", SURE - 0.01), 1, "its probability is below"),
        (sure_of("Bags"), 7, "6 products of it match"),
        (sure_of("Shoes"), 1, "0 products of it match"),
        ({}, 1, "no category was detected"),
        ({"colour": (Detected("red", 1.0),)}, 1, "no category was detected"),
    ],
)
def test_what_is_not_sure_or_leaves_too_few_does_not(
    snapshot: Snapshot, shown: dict, least: int, reason: str
) -> None:
    wanted = parse_filter_text("-id:p3") if least < 6 else Filter()
    found = narrow(Filtering(), snapshot, wanted, shown, least)
    assert not found.told.applied
    assert found.told.reason is not None
    assert reason in found.told.reason
    assert (found.filter, found.kept) == (wanted, None)
