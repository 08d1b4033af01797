"""What was written last counts; views that were taken before stay as they were."""

import numpy as np
import pytest

from service.core.delta import Delta, DeltaView
from service.core.filter_text import parse_filter_text
from service.core.product_kinds import FieldKind, fixed_kinds
from service.core.store import LiveProduct
from service.core.types import AttributeValue, Product, Vectors

DIM = 8
KINDS: dict[str, FieldKind] = {
    **{key: kind.holds for key, kind in fixed_kinds().items()},
    "size": "number",
}


def live(id_: str, vectors: Vectors, **attributes: AttributeValue) -> LiveProduct:
    images = tuple(f"{id_}-{number}" for number in range(len(vectors)))
    return LiveProduct(Product(id_, attributes=attributes), images, vectors)


def unit(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def living(view: DeltaView) -> dict[str, list[str]]:
    """The pictures alive, by product."""
    found: dict[str, list[str]] = {}
    for row in np.flatnonzero(view.alive):
        found.setdefault(view.product_ids[row], []).append(view.image_ids[row])
    return found


def test_a_product_written_again_or_deleted_leaves_dead_rows() -> None:
    delta, vectors = Delta(DIM, KINDS), unit(6)
    first = delta.write({"a": live("a", vectors[:2]), "b": live("b", vectors[2:3])})
    second = delta.write({"a": live("a", vectors[3:4])})
    third = delta.write({"b": None, "c": live("c", vectors[4:]), "unheard": None})
    assert living(first) == {"a": ["a-0", "a-1"], "b": ["b-0"]}
    assert living(second) == {"a": ["a-0"], "b": ["b-0"]}
    assert living(third) == {"a": ["a-0"], "c": ["c-0", "c-1"]}
    assert [len(view) for view in (first, second, third)] == [3, 4, 6]
    assert [view.products for view in (first, second, third)] == [2, 2, 2]
    assert [len(view.fields) for view in (first, second, third)] == [2, 3, 4]
    np.testing.assert_array_equal(third.take(np.array([3, 0])), vectors[[3, 0]])
    assert third.product_rows.tolist() == [0, 0, 1, 2, 3, 3]


def test_a_product_without_pictures_is_in_no_index() -> None:
    delta = Delta(DIM, KINDS)
    delta.write({"a": live("a", unit(1))})
    view = delta.write({"a": live("a", unit(0), colour="red")})
    assert (living(view), len(view.fields), view.products) == ({}, 1, 0)
    assert "colour" not in view.fields.kinds()


@pytest.mark.parametrize("limit", [1, 3, 8, 100])
def test_rows_alive_are_found_exactly_and_others_never(limit: int) -> None:
    delta, vectors, query = Delta(DIM, KINDS), unit(40, 1), unit(3, 2)
    delta.write({f"p{i}": live(f"p{i}", vectors[2 * i : 2 * i + 2]) for i in range(20)})
    view = delta.write({f"p{i}": None for i in range(0, 20, 3)})
    for marked in (None, np.arange(40) % 5 < 2):
        kept = np.flatnonzero(view.alive if marked is None else view.alive & marked)
        similarities, rows = view.search(query, limit, marked)
        every = query @ vectors[kept].T
        expected = -np.sort(-every, axis=1)[:, :limit]
        np.testing.assert_allclose(similarities, expected, atol=1e-6)
        np.testing.assert_array_equal(rows, kept[np.argsort(-every, axis=1)[:, :limit]])
        assert (similarities.dtype, rows.dtype) == (np.float32, np.int64)


def test_the_snapshot_s_kind_decides_and_a_new_field_is_what_it_was_seen_to_be() -> None:
    delta = Delta(DIM, KINDS)
    first = delta.write({
        "a": live("a", unit(1), size="40", zip="123", worn=True),
        "b": live("b", unit(1), size="XL", zip="7", worn=False),
    })  # fmt: skip
    assert first.fields.kinds() == {**KINDS, "worn": "truth", "zip": "number"}
    assert list(first.fields.kinds()) == [*KINDS, "worn", "zip"]
    both = np.arange(2, dtype=np.int32)
    assert first.fields.values("size", both) == [40.0, None]
    assert first.fields.matching(parse_filter_text("zip:..100")).tolist() == [False, True]
    second = delta.write({"c": live("c", unit(1), zip="0042")})
    assert second.fields.kinds()["zip"] == "text"
    assert second.fields.matching(parse_filter_text("zip:7,0042")).tolist() == [False, True, True]
    assert first.fields.kinds()["zip"] == "number"
    assert len(first.fields.matching(parse_filter_text("zip:7"))) == 2
