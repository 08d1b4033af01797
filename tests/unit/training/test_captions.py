import numpy as np
import pytest

from training.captions import Caption, ClaimIndex, draw_caption, has_text
from training.terms import Document

SHIRT = {
    "title": "Turtle Check Men Navy Blue Shirt",
    "description": "A shirt for the office. Wash it cold!",
    "article_type": "Shirts",
    "base_colour": "Navy Blue",
    "gender": "Men",
}
OTHER_SHIRT = {**SHIRT, "title": "Arrow Men Striped Shirt", "description": ""}
BLUE_SHIRT = {**OTHER_SHIRT, "base_colour": "Blue"}
SHOE = {"article_type": "Casual Shoes", "base_colour": "Navy Blue", "gender": "Women"}
ALL = (SHIRT, OTHER_SHIRT, BLUE_SHIRT, SHOE)


def captions_of(document: Document, count: int = 400) -> list[Caption]:
    generator = np.random.default_rng(3)
    return [draw_caption(document, generator) for _ in range(count)]


def texts_of(document: Document) -> set[str]:
    return {caption.text for caption in captions_of(document)}


def test_a_seed_decides_the_caption() -> None:
    assert captions_of(SHIRT, 20) == captions_of(SHIRT, 20)


def test_attribute_values_come_alone_together_and_in_any_order() -> None:
    assert {"shirts", "navy blue", "navy blue shirts men", "men shirts navy blue"} <= texts_of(
        SHIRT
    )


def test_titles_come_in_their_order_with_words_missing() -> None:
    titles = texts_of({"title": SHIRT["title"]})
    words = SHIRT["title"].lower().split()
    assert " ".join(words) in titles
    assert len(titles) > 20
    for title in titles:
        assert title
        places = [words.index(word) for word in title.split()]
        assert places == sorted(places)


def test_a_description_comes_a_sentence_at_a_time() -> None:
    texts = texts_of({"description": SHIRT["description"]})
    assert {"a shirt for the office", "wash it cold"} <= texts
    assert not any("office" in text and "wash" in text for text in texts)


def test_values_and_words_of_the_title_are_mixed() -> None:
    assert any("shirts" in text.split() and "turtle" in text.split() for text in texts_of(SHIRT))


def test_captions_are_lower_case_and_normalised() -> None:
    assert texts_of({"base_colour": "  Ｎavy   BLUE "}) == {"navy blue"}  # noqa: RUF001


def test_every_caption_is_true_of_its_own_product() -> None:
    index = ClaimIndex(ALL)
    for row, document in enumerate(ALL):
        assert index.true_of(captions_of(document), np.array([row])).all()


def test_values_are_claimed_whole_and_words_of_titles_one_by_one() -> None:
    index, everything = ClaimIndex(ALL), np.arange(4)

    def true_of(*claims: str) -> list[bool]:
        truth: list[bool] = index.true_of([Caption("", frozenset(claims))], everything)[0].tolist()
        return truth

    assert true_of("=blue") == [False, False, True, False]
    assert true_of("=navy blue") == [True, True, False, True]
    assert true_of("=navy blue", "=shirts") == [True, True, False, False]
    # A word of a title is true of whoever has it anywhere.
    assert true_of("blue") == [True, True, True, True]
    assert true_of("turtle", "=shirts") == [True, False, False, False]


def test_truth_is_told_of_the_products_asked_for_in_their_order() -> None:
    index = ClaimIndex(ALL)
    claim = [Caption("", frozenset({"=casual shoes"}))]
    assert index.true_of(claim, np.array([3, 0, 3])).tolist() == [[True, False, True]]


@pytest.mark.parametrize("document", [{}, {"title": "", "base_colour": " - "}])
def test_a_product_without_text_has_no_caption(document: Document) -> None:
    assert not has_text(document)
    with pytest.raises(ValueError, match="without text"):
        draw_caption(document, np.random.default_rng(0))
