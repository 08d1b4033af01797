"""What the bench of matching counts, on a shop small enough to count by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.matching_measures import Bench, first_is_right, hits, narrowed_p1
from bench.matching_photos import Photos, choosing, reporting
from service.core.manifest import Head

LABELS = ("Bags", "Shoes")


def shown(*pictures: tuple[str, str, float, int]) -> Photos:
    """Pictures of (item, kind, angle in degrees, label that is certain)."""
    angles = np.radians([angle for _, _, angle, _ in pictures])
    rows = [
        {"id": f"{item}@{angle}", "item": item, "kind": kind} for item, kind, angle, _ in pictures
    ]
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    sure = np.eye(2, dtype=np.float32)[[label for *_, label in pictures]]
    return Photos(rows, vectors, sure * 0.8 + 0.1)


@pytest.fixture
def shop() -> Photos:
    return shown(("a", "Bags", 0, 0), ("a", "Bags", 40, 0), ("b", "Shoes", 10, 1))


def test_the_best_picture_stands_for_an_item(shop: Photos) -> None:
    queries = shown(("b", "Shoes", 12, 1), ("a", "Bags", 8, 0))
    found = hits(queries, shop)
    assert [[hit.product_id for hit in each] for each in found] == [["b", "a"], ["b", "a"]]
    assert found[0][1].similarity == pytest.approx(np.cos(np.radians(12)), abs=1e-6)
    assert found[0][1].matched_images == 2
    assert first_is_right(queries, found).tolist() == [True, False]


def test_narrowing_looks_among_the_category_alone_where_it_is_sure(shop: Photos) -> None:
    heads = (Head(output="head_category", name="category", labels=LABELS),)
    bench = SimpleNamespace(encoder=SimpleNamespace(manifest=SimpleNamespace(heads=heads)))
    queries = shown(("a", "Bags", 8, 0), ("b", "Shoes", 12, 0))

    def p1(sure: float) -> tuple[float, float]:
        def right(asked: dict, found: dict) -> bool:
            return asked["item"] == found["item"]

        made: Bench = bench
        return narrowed_p1(made, queries, shop, "kind", right, sure)

    assert p1(0.95) == (0.5, 0.0), "b is nearest of both"
    assert p1(0.85) == (0.5, 1.0), "the first is put right, the second wrong"


def test_a_picture_never_finds_itself(shop: Photos) -> None:
    heads = (Head(output="head_category", name="category", labels=LABELS),)
    bench = SimpleNamespace(encoder=SimpleNamespace(manifest=SimpleNamespace(heads=heads)))
    found = []
    narrowed_p1(bench, shop, shop, "kind", lambda a, f: bool(found.append((a["id"], f["id"]))), 2.0)
    assert all(asked != other for asked, other in found)


def test_the_halves_are_apart_and_whole() -> None:
    many = shown(*((str(number), "Bags", number / 3, 0) for number in range(300)))
    one, other = choosing(many), reporting(many)
    ids = [{row["id"] for row in half.rows} for half in (one, other)]
    assert not ids[0] & ids[1]
    assert len(ids[0] | ids[1]) == 300
    assert min(map(len, ids)) > 100
    assert one.vectors.shape == (len(one), 2)
