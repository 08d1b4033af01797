"""The query flow over a small shop of fakes, indexed by the real catalogue flow."""

import numpy as np
import pytest

from service.core.errors import IndexUnavailableError, InvalidFilterError, InvalidImageError
from service.core.filter_text import parse_filter_text
from service.core.keys import image_digest
from service.core.preprocess import decode_for, preprocess
from service.core.store import Write
from service.pipeline.outcome import succeeded
from service.pipeline.querying import Picture, Point, Query
from service.pipeline.search import Ask
from service.pipeline.selecting import SearchOptions
from support.fakes import FakeEncoder
from support.query_shop import Shop, make_shop, picture


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def ids(shop: Shop, seed: int, limit: int) -> list[str]:
    return [found.hit.product_id for found in shop.search.by_picture(picture(seed), limit).results]


def vector_of(shop: Shop, seed: int) -> np.ndarray:
    (embedded,) = shop.search.embed([Query.of(Picture(picture(seed)))])
    return succeeded(embedded).vector


def similarity(shop: Shop, one: int, other: int) -> float:
    spec = shop.encoder.manifest.preprocess
    pixels = [preprocess(spec, decode_for(spec, picture(seed))) for seed in (one, other)]
    first, second = FakeEncoder().encode(np.stack(pixels))
    return float(first @ second)


def test_the_same_bytes_are_found_first_at_one(shop: Shop) -> None:
    shop.index({f"p{i}": [i] for i in range(20)})
    for seed in (0, 7, 19):
        answer = shop.search.by_picture(picture(seed), 3)
        best = answer.results[0]
        assert best.hit.product_id == best.stored.product.id == f"p{seed}"
        assert best.hit.similarity == pytest.approx(1, abs=1e-5)
        assert best.hit.image_id == answer.image_id == image_digest(picture(seed))


def test_results_are_those_of_brute_force(shop: Shop) -> None:
    shop.index({f"p{i}": [i] for i in range(20)})
    expected = {f"p{i}": similarity(shop, 30, i) for i in range(20)}
    answer = shop.search.by_picture(picture(30), 20)
    found = {f.hit.product_id: f.hit.similarity for f in answer.results}
    assert found == pytest.approx(expected, abs=1e-5)
    assert list(found) == sorted(found, key=lambda id_: -found[id_])


def test_several_pictures_of_a_product_are_one_hit(shop: Shop) -> None:
    shop.index({"many": [1, 2, 3], "one": [4]})
    answer = shop.search.by_picture(picture(2), 10)
    hits = {found.hit.product_id: found.hit for found in answer.results}
    assert [found.hit.product_id for found in answer.results].count("many") == 1
    assert hits["many"].matched_images == 3
    assert hits["many"].image_id == image_digest(picture(2)), "the best picture stands for it"
    assert hits["one"].matched_images == 1


def test_a_product_of_many_pictures_does_not_crowd_out_the_others(shop: Shop) -> None:
    """Twice the limit of rows holds one product; the rest must be asked for."""
    shop.index({"crowd": [1, *range(100, 130)], **{f"p{i}": [i] for i in range(2, 8)}})
    order = sorted(range(2, 8), key=lambda seed: -similarity(shop, 1, seed))
    snapshot = shop.live.snapshot()
    _, nearest = snapshot.index.search(vector_of(shop, 1)[None], 8)
    assert {snapshot.product_ids[row] for row in nearest[0]} == {"crowd"}
    found = ids(shop, 1, 4)
    assert found[0] == "crowd"
    assert found[1:] == [f"p{seed}" for seed in order[:3]]


def test_fewer_products_than_asked_for_are_all_there_are(shop: Shop) -> None:
    shop.index({"a": [1], "b": [2, 3]})
    assert sorted(ids(shop, 1, 50)) == ["a", "b"]
    assert len(ids(shop, 1, 1)) == 1


def test_a_product_deleted_since_is_not_shown(shop: Shop) -> None:
    shop.index({"a": [1], "b": [2]})
    shop.store.write([Write("a", None)], shop.encoder.bundle_digest, {})
    assert ids(shop, 1, 10) == ["b"]


def test_the_next_best_comes_up_for_a_product_deleted_since(shop: Shop) -> None:
    shop.index({f"p{i}": [i] for i in range(20)})
    before = ids(shop, 3, 20)
    gone = [before[0], before[2], before[5]]
    shop.store.write([Write(id_, None) for id_ in gone], shop.encoder.bundle_digest, {})
    assert ids(shop, 3, 4) == [id_ for id_ in before if id_ not in gone][:4]
    # The first is passed over with the page before, where nobody looks whether it is still there.
    found = shop.search.by_picture(picture(3), 4, SearchOptions(offset=2)).results
    assert [each.hit.product_id for each in found] == [i for i in before if i not in gone[1:]][2:6]


def test_a_filter_keeps_what_matches_and_still_finds_as_many(shop: Shop) -> None:
    shop.index({f"p{i}": [i] for i in range(20)})
    wanted = SearchOptions(parse_filter_text("-id:p7,p19 -title:'nothing'"), facets=("category",))
    answer = shop.search.by_picture(picture(7), 18, wanted)
    assert {found.hit.product_id for found in answer.results} == {
        f"p{i}" for i in range(20) if i not in (7, 19)
    }
    assert (answer.plan.kept_products, answer.plan.products) == (18, 20)
    assert answer.facets["category"].missing == 18
    assert {"filter", "search", "products"} <= answer.timings.keys()
    point = Query.of(Point(tuple(vector_of(shop, 7).tolist())))
    again = shop.search.answer(Ask(point, 18, wanted)).results
    assert [found.stored for found in again] == [found.stored for found in answer.results]


@pytest.mark.parametrize(
    "options",
    [SearchOptions(parse_filter_text("colour:red")), SearchOptions(facets=("colour",))],
    ids=["filter", "facet"],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_decoded(
    shop: Shop, options: SearchOptions
) -> None:
    shop.index({"a": [1]})
    with pytest.raises(InvalidFilterError, match="no field 'colour'"):
        shop.search.by_picture(b"not even a picture", 1, options)


def test_the_same_picture_is_embedded_once(shop: Shop) -> None:
    shop.index({"a": [1]})
    shop.encoder.batches.clear()
    first = shop.search.by_picture(picture(9), 1)
    second = shop.search.by_picture(picture(9), 1)
    assert shop.encoder.batches == [1]
    assert {"decode", "embed"} <= first.timings.keys()
    assert "cached" not in first.timings
    assert "cached" in second.timings
    assert not {"decode", "embed"} & second.timings.keys()
    assert first.results == second.results


def test_a_failing_cache_is_stated_and_harmless(shop: Shop) -> None:
    shop.index({"a": [1]})
    assert shop.search.by_picture(picture(1), 1).degraded == []
    shop.cache.down = True
    answer = shop.search.by_picture(picture(1), 1)
    assert answer.degraded == ["cache"]
    assert [found.hit.product_id for found in answer.results] == ["a"]


def test_an_answer_names_the_index_it_came_from(shop: Shop) -> None:
    shop.index({"a": [1]})
    shop.index({"a": [1], "b": [2]})
    assert shop.search.by_picture(picture(1), 1).index.version == 2


def test_bytes_that_are_no_picture_are_refused(shop: Shop) -> None:
    shop.index({"a": [1]})
    with pytest.raises(InvalidImageError):
        shop.search.by_picture(b"not a picture", 1)


def test_without_an_index_nothing_is_decoded(shop: Shop) -> None:
    with pytest.raises(IndexUnavailableError, match="vitrine reindex"):
        shop.search.by_picture(b"not even a picture", 1)


def test_an_embedding_is_the_encoder_s(shop: Shop) -> None:
    spec = shop.encoder.manifest.preprocess
    pixels = preprocess(spec, decode_for(spec, picture(1)))
    np.testing.assert_allclose(vector_of(shop, 1), FakeEncoder().encode(pixels[None])[0], atol=1e-6)
