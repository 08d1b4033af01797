"""The figures of a task, recomputed by hand."""

from functools import cache

import numpy as np
import pytest

from service.core.centralize import centralized, mutual, nearest
from service.core.errors import CatalogSourceError
from service.core.preprocess import decode_for, preprocess
from service.core.tasks import Item, Task
from service.pipeline.evaluate import _similarities as similarities_of
from service.pipeline.evaluate import evaluate_centralized, evaluate_task
from support.fakes import FakeEncoder
from support.pictures import encoded, photo

COLOURS = ("red", "blue", "green")
KINDS = ("shoe", "boot")


@cache
def picture(seed: int) -> bytes:
    return encoded(photo(40, 40, seed=seed), "PNG")


def item(seed: int) -> Item:
    return Item(f"i{seed}", picture(seed), (COLOURS[seed % 3], KINDS[seed % 2]))


def task(
    queries: list[Item],
    gallery: list[Item],
    labels: tuple[str, ...] = ("colour", "kind"),
    aliases: dict[str, frozenset[str]] | None = None,
) -> Task:
    return Task("tiny", "test", labels, aliases or {}, lambda: queries, lambda: gallery)


def vectors(items: list[Item]) -> list[np.ndarray]:
    encoder = FakeEncoder()
    spec = encoder.manifest.preprocess
    return [encoder.encode(preprocess(spec, decode_for(spec, i.data))[None])[0] for i in items]


def ranked(query: Item, gallery: list[Item]) -> list[Item]:
    """The gallery without the query itself, nearest first."""
    (asked,) = vectors([query])
    scored = sorted(
        ((float(asked @ vector), i) for i, vector in enumerate(vectors(gallery))), reverse=True
    )
    return [gallery[i] for _, i in scored if gallery[i].id != query.id]


def test_figures_are_those_of_a_hand_count() -> None:
    queries = [item(i) for i in range(12)]
    gallery = [item(i) for i in range(6, 40)]  # half of the queries are in it themselves
    result = evaluate_task(task(queries, gallery), FakeEncoder())

    p1 = p5 = average = colour = 0.0
    for query in queries:
        order = ranked(query, gallery)
        right = [found.labels == query.labels for found in order]
        p1 += right[0]
        p5 += sum(right[:5]) / 5
        colour += order[0].labels[0] == query.labels[0]
        precisions = [sum(right[: i + 1]) / (i + 1) for i in range(len(right)) if right[i]]
        average += sum(precisions) / sum(right)
    assert (result.queries, result.gallery) == (12, 34)
    assert result.p1 == pytest.approx(p1 / 12)
    assert result.p5 == pytest.approx(p5 / 12)
    assert result.map50 == pytest.approx(average / 12)
    assert result.p1_by_label["colour"] == pytest.approx(colour / 12)
    assert 0 < result.p1 < 1, "a task that anything passes would show nothing"


def test_a_query_never_finds_itself() -> None:
    """Each picture's only equal is itself, so that counting it would give 1."""
    items = [Item(f"i{i}", picture(i), (f"label {i}",)) for i in range(5)]
    result = evaluate_task(task(items, items, ("name",)), FakeEncoder())
    assert (result.p1, result.map50, result.chance) == (0, 0, 0)
    assert result.p1_by_label == {"name": 0}


def test_a_gallery_of_nothing_but_the_query_has_nothing_right() -> None:
    result = evaluate_task(task([item(0)], [item(0)]), FakeEncoder())
    assert (result.p1, result.p5, result.p1_by_label) == (0, 0, {"colour": 0, "kind": 0})


def test_the_same_picture_of_another_id_is_found() -> None:
    twin = Item("twin", picture(3), item(3).labels)
    result = evaluate_task(task([item(3)], [item(3), twin, item(4)]), FakeEncoder())
    assert result.p1 == 1


def test_an_alias_stands_for_the_gallery_s_labels() -> None:
    query = Item("q", picture(0), ("footwear",))
    gallery = [
        Item("g0", picture(0), ("boot",)),
        Item("g1", picture(1), ("shoe",)),
        Item("g2", picture(2), ("hat",)),
    ]
    aliases = {"footwear": frozenset({"boot", "shoe"})}
    result = evaluate_task(task([query], gallery, ("kind",), aliases), FakeEncoder())
    assert result.p1 == 1
    assert result.chance == pytest.approx(2 / 3)
    assert evaluate_task(task([query], gallery, ("kind",)), FakeEncoder()).chance == 0


@pytest.mark.parametrize(("queries", "gallery"), [([], [item(0)]), ([item(0)], [])])
def test_a_side_without_pictures_is_named(queries: list[Item], gallery: list[Item]) -> None:
    with pytest.raises(CatalogSourceError, match=f"{len(queries)} queries and {len(gallery)}"):
        evaluate_task(task(queries, gallery), FakeEncoder())


def test_another_encoder_may_ask() -> None:
    """The same vectors under another name answer alike, others do not."""
    queries, gallery = [item(i) for i in range(12)], [item(i) for i in range(12, 40)]
    asked = task(queries, gallery)
    alone = evaluate_task(asked, FakeEncoder())
    asking, answering = FakeEncoder(), FakeEncoder()
    assert evaluate_task(asked, answering, asking) == alone
    assert (sum(asking.batches), sum(answering.batches)) == (12, 28)
    assert evaluate_task(asked, FakeEncoder(), FakeEncoder(seed=1)) != alone


def test_a_gallery_is_centralised_without_the_query_and_queries_stay() -> None:
    """Query by query, from a gallery that never held it."""
    outside, gallery = [item(i) for i in range(40, 52)], [item(i) for i in range(40)]
    plain, moved = evaluate_centralized(task(outside, gallery), FakeEncoder(), (0, 3))
    assert plain == evaluate_task(task(outside, gallery), FakeEncoder())
    assert (plain.centralize, moved.centralize) == (0, 3)
    stored = np.stack(vectors(gallery))
    near = nearest(stored, 3)
    centred = np.concatenate(list(centralized(near, stored.__getitem__)))
    best = (np.stack(vectors(outside)) @ centred.T).argmax(axis=1)
    hits = [gallery[b].labels == q.labels for b, q in zip(best, outside, strict=True)]
    assert moved.p1 == pytest.approx(np.mean(hits))
    assert moved.p1 != plain.p1, "or else this shows nothing"


def test_what_a_neighbour_has_of_the_query_is_taken_out_again() -> None:
    """Of a pair that are each other's neighbours, each finds the other as it was embedded."""
    items = [item(i) for i in range(12)]
    asked = np.stack(vectors(items))
    itself = np.eye(12, dtype=bool)
    near = nearest(asked, 1)
    kept = mutual(near, slice(None))[:, 0]
    assert kept.any()
    assert not kept.all()
    found = similarities_of(asked, asked, itself, 1)
    pairs = np.flatnonzero(kept)
    other = near[pairs, 0]
    np.testing.assert_allclose(
        found[pairs, other], np.einsum("nd,nd->n", asked[pairs], asked[other]), atol=1e-6
    )
    third = next(i for i in range(12) if i not in (pairs[0], other[0]))
    middle = asked[pairs[0]] + asked[other[0]]
    middle /= np.linalg.norm(middle)
    assert found[third, pairs[0]] == pytest.approx(asked[third] @ middle, abs=1e-6)
