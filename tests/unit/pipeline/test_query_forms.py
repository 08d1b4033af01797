"""Every form of a query over a small shop: the same picture is found, however it is named."""

from dataclasses import replace

import numpy as np
import pytest

from service.core.crop import Box
from service.core.errors import (
    CorruptImageError,
    FetchError,
    ImageNotFoundError,
    IndexUnavailableError,
    InvalidFilterError,
    InvalidQueryError,
    ProductNotFoundError,
    VitrineError,
)
from service.core.filter_text import parse_filter_text
from service.core.image import decode
from service.core.keys import image_digest
from service.pipeline.clock import Clock
from service.pipeline.embedder import Embedded
from service.pipeline.outcome import succeeded
from service.pipeline.querying import (
    KnownPicture,
    LikeProduct,
    LinkedPicture,
    Part,
    Picture,
    Point,
    Query,
    Source,
    Words,
    mixed,
)
from service.pipeline.search import Answer, Ask
from service.pipeline.selecting import SearchOptions
from support.pictures import encoded
from support.query_shop import Shop, make_shop, picture

URL = "https://pictures.example/3.png"


@pytest.fixture
def shop() -> Shop:
    made = make_shop(heads=True, words=True, links=True)
    made.index({f"p{i}": [i] for i in range(12)})
    made.encoder.batches.clear()
    return made


def ask(shop: Shop, source: Source | Query, limit: int = 12, **options: object) -> Answer:
    query = source if isinstance(source, Query) else Query.of(source)
    return shop.search.answer(Ask(query, limit, SearchOptions(**options)))


def similarities(answer: Answer) -> dict[str, float]:
    return {found.hit.product_id: found.hit.similarity for found in answer.results}


def vectors_of(shop: Shop, *sources: Source) -> list[np.ndarray]:
    found = shop.search.embed([Query.of(source) for source in sources])
    return [succeeded(each).vector for each in found]


def test_a_picture_is_the_same_however_it_is_named(shop: Shop) -> None:
    shop.links.pages[URL] = picture(3)
    (vector,) = vectors_of(shop, Picture(picture(3)))
    expected = similarities(ask(shop, Picture(picture(3))))
    for source in (
        KnownPicture(image_digest(picture(3))),
        LinkedPicture(URL),
        Point(tuple((7 * vector).tolist())),
    ):
        assert similarities(ask(shop, source)) == pytest.approx(expected, abs=1e-5)


def test_a_query_picture_is_known_afterwards_with_all_that_it_shows(shop: Shop) -> None:
    first = ask(shop, Picture(picture(50)))
    again = ask(shop, KnownPicture(first.image_id))
    assert first.image_id == again.image_id == image_digest(picture(50))
    assert first.detected == again.detected
    assert first.detected["colour"]
    assert again.results == first.results
    assert "cached" in again.timings


def test_a_picture_that_nobody_sent_is_not_found(shop: Shop) -> None:
    for image_id in ("0" * 64, "nonsense", image_digest(picture(60))):
        with pytest.raises(ImageNotFoundError, match="kept for 30 minutes"):
            ask(shop, KnownPicture(image_id))


def test_a_picture_that_was_forgotten_is_not_found_though_its_vector_is_cached(shop: Shop) -> None:
    answer = ask(shop, Picture(picture(50)))
    shop.recent.values.clear()
    with pytest.raises(ImageNotFoundError):
        ask(shop, KnownPicture(answer.image_id))


def test_what_is_no_picture_is_not_kept(shop: Shop) -> None:
    with pytest.raises(CorruptImageError):
        ask(shop, Picture(picture(1)[:60]))
    assert not shop.recent.values


def test_a_box_is_what_its_crop_would_be_and_is_not_mixed_up_with_the_whole(shop: Shop) -> None:
    box = Box(0.25, 0.25, 0.75, 0.75)
    crop = encoded(decode(picture(5), least_side=1000).crop((15, 10, 45, 30)), "PNG")
    boxed, whole, alone = vectors_of(
        shop, Picture(picture(5), box), Picture(picture(5)), Picture(crop)
    )
    np.testing.assert_allclose(boxed, alone, atol=1e-6)
    assert np.abs(boxed - whole).max() > 0.01
    ask(shop, Picture(picture(5)))
    (again,) = vectors_of(shop, KnownPicture(image_digest(picture(5)), box))
    np.testing.assert_array_equal(again, boxed)


def test_a_box_of_a_catalogue_picture_needs_the_picture(shop: Shop) -> None:
    with pytest.raises(InvalidQueryError, match="keeps no original"):
        ask(shop, KnownPicture(image_digest(picture(5)), Box(0, 0, 0.5, 0.5)))


def test_a_product_is_not_its_own_result_and_stands_for_all_its_pictures() -> None:
    shop = make_shop()
    shop.index({"many": [1, 2, 3], **{f"p{i}": [i] for i in range(4, 10)}})
    pictures = vectors_of(shop, *(Picture(picture(i)) for i in (1, 2, 3)))
    expected = mixed(pictures, [1, 1, 1])
    answer = ask(shop, LikeProduct("many"))
    assert answer.image_id is None
    found = similarities(answer)
    assert found.keys() == {f"p{i}" for i in range(4, 10)}
    others = vectors_of(shop, *(Picture(picture(i)) for i in range(4, 10)))
    cosines = {f"p{i}": v @ expected for i, v in zip(range(4, 10), others, strict=True)}
    assert found == pytest.approx(cosines, abs=1e-5)


def test_as_many_others_as_were_asked_for_are_like_a_product(shop: Shop) -> None:
    answer = ask(shop, LikeProduct("p3"), 5, exclude_ids=frozenset({"p4"}))
    assert len(answer.results) == 5
    assert not {"p3", "p4"} & similarities(answer).keys()


def test_a_product_that_is_not_there_is_not_found(shop: Shop) -> None:
    with pytest.raises(ProductNotFoundError, match="'p99'"):
        ask(shop, LikeProduct("p99"))


def test_words_are_embedded_once_and_are_not_calibrated(shop: Shop) -> None:
    first = ask(shop, Words("a red bag"))
    again = ask(shop, Words("a red bag"))
    assert shop.words.texts == [["a red bag"]]
    assert first.results == again.results
    assert (first.match, first.image_id, first.detected) == (None, None, {})
    assert {found.confidence for found in first.results} == {None}
    assert "text" in first.timings


def test_without_a_text_tower_words_are_refused_with_the_way_out() -> None:
    shop = make_shop()
    shop.index({"a": [1]})
    with pytest.raises(InvalidQueryError, match=r"fake-0 searches by picture only.*models\.md"):
        ask(shop, Words("red"))


@pytest.mark.parametrize(
    ("numbers", "detail"),
    [
        ((1.0,) * 31, "has 31 numbers, this bundle's have 32"),
        ((0.0,) * 32, "all zeros"),
        ((float("nan"),) + (1.0,) * 31, "not finite"),
        ((float("inf"),) + (1.0,) * 31, "not finite"),
    ],
)
def test_a_vector_that_is_none_is_refused(
    shop: Shop, numbers: tuple[float, ...], detail: str
) -> None:
    with pytest.raises(InvalidQueryError, match=detail):
        ask(shop, Point(numbers))


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_a_vector_may_have_any_length(shop: Shop, scale: float) -> None:
    (unit,) = vectors_of(shop, Picture(picture(2)))
    (found,) = vectors_of(shop, Point(tuple((unit.astype(np.float64) * scale).tolist())))
    np.testing.assert_allclose(found, unit, atol=1e-6)


def test_urls_are_fetched_only_where_that_is_on(shop: Shop) -> None:
    with pytest.raises(FetchError):
        ask(shop, LinkedPicture("https://pictures.example/missing.png"))
    closed = make_shop()
    closed.index({"a": [1]})
    closed.links.pages[URL] = picture(1)
    with pytest.raises(InvalidQueryError, match="fetches no `image_url`"):
        ask(closed, LinkedPicture(URL))
    assert not closed.links.fetched


def test_the_urls_of_one_request_have_a_time_together() -> None:
    shop = make_shop(links=True)
    shop.index({"a": [1]})
    urls = [f"https://pictures.example/{n}.png" for n in range(4)]
    shop.links.pages = {url: picture(n) for n, url in enumerate(urls)}
    embedder = shop.search.embedder
    hurried = replace(embedder, looking=replace(embedder.looking, fetch_seconds=0.0))
    queries = [Query.of(LinkedPicture(url)) for url in urls]
    found = hurried.embed(queries, Clock())
    assert sum(isinstance(each, FetchError) for each in found) == 3
    assert len(shop.links.fetched) == 1
    for query in queries:
        (alone,) = hurried.embed([query], Clock())
        assert isinstance(alone, Embedded)


def test_a_mix_is_the_sum_of_its_parts_and_tells_of_its_main_picture(shop: Shop) -> None:
    parts = (
        Part(Picture(picture(40))),
        Part(Picture(picture(41)), 2.0),
        Part(Words("red"), 0.5),
        Part(LikeProduct("p3"), -0.7),
    )
    vectors = vectors_of(shop, *(part.source for part in parts))
    (found,) = shop.search.embed([Query(parts)])
    expected = mixed(vectors, [1, 2, 0.5, -0.7])
    np.testing.assert_allclose(succeeded(found).vector, expected, atol=1e-6)
    answer = ask(shop, Query(parts))
    assert answer.image_id == image_digest(picture(41))
    assert answer.match is None
    assert "p3" not in similarities(answer)


def test_answers_to_pictures_say_how_good_they_are(shop: Shop) -> None:
    exact = ask(shop, Picture(picture(4)))
    assert exact.match == "exact"
    assert exact.results[0].confidence == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4)
    sureness = [found.confidence for found in exact.results]
    assert sureness == sorted(sureness, reverse=True)
    assert ask(shop, Picture(picture(4)), min_similarity=1.0, offset=5).match == "none"


def test_a_word_for_the_answer_does_not_depend_on_the_page_or_its_length(shop: Shop) -> None:
    words = {
        ask(shop, Picture(picture(70)), limit, offset=offset, diversity=diversity).match
        for limit in (1, 2, 12)
        for offset in (0, 1)
        for diversity in (0.0, 0.7)
    }
    assert len(words) == 1


def test_queries_that_come_together_share_a_run_and_are_answered_as_alone(shop: Shop) -> None:
    sources: list[Source] = [Picture(picture(30 + i)) for i in range(20)]
    sources += [Words("red"), LikeProduct("p2"), Picture(picture(30)), Words("red")]
    answers = shop.search.answers([Ask(Query.of(source), 5) for source in sources])
    assert shop.encoder.batches == [16, 4], "the same picture twice is looked at once"
    assert shop.words.texts == [["red"]]
    for source, answer in zip(sources, answers, strict=True):
        alone = ask(shop, source, 5)
        found = succeeded(answer)
        assert similarities(found) == pytest.approx(similarities(alone), abs=1e-5)
        assert found.image_id == alone.image_id
    assert answers[0].results == answers[22].results


def test_each_query_of_a_batch_fails_alone(shop: Shop) -> None:
    mix = Query((Part(Picture(picture(1))), Part(Picture(b"no picture"))))
    asks = [
        Ask(Query.of(Picture(picture(1))), 3),
        Ask(Query.of(Picture(b"no picture")), 3),
        Ask(Query.of(LikeProduct("p99")), 3),
        Ask(Query.of(Picture(picture(1))), 3, SearchOptions(parse_filter_text("nothing:red"))),
        Ask(mix, 3),
        Ask(Query((Part(Words("red")), Part(Words("red"), -1.0))), 3),
        Ask(Query.of(Words("red")), 3),
    ]
    outcomes = shop.search.answers(asks)
    kinds = [
        each.code if isinstance(each, VitrineError) else len(each.results) for each in outcomes
    ]
    assert kinds == [
        3, "unsupported_image", "product_not_found", InvalidFilterError.code,
        "unsupported_image", "invalid_query", 3,
    ]  # fmt: skip


def test_without_an_index_no_query_of_a_batch_is_answered() -> None:
    with pytest.raises(IndexUnavailableError):
        make_shop().search.answers([Ask(Query.of(Picture(picture(1))), 3)])
