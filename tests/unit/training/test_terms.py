import pytest

from service.core.types import AttributeValue, Product
from training.lexicon import Lexicon, choose_lexicon, count_ngrams
from training.terms import document_of, spell, tokenise


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("Navy-Blue T-Shirt", [("navy", "blue", "t", "shirt")]),
        ("Women's tops", [("womens", "tops")]),
        ("Women\u2019s tops", [("womens", "tops")]),
        ("Apparel > Topwear/Shirts", [("apparel",), ("topwear",), ("shirts",)]),
        ("belt - black", [("belt",), ("black",)]),
        ("pack of 3 socks", [("pack", "of"), ("socks",)]),
        ("golden_delicious", [("golden", "delicious")]),
        (
            "\uff34\uff33\uff28\uff29\uff32\uff34 STRASSE Stra\u00dfe",
            [("tshirt", "strasse", "strasse")],
        ),
        (
            "\u043a\u0440\u0430\u0441\u043d\u043e\u0435 \u041f\u043b\u0430\u0442\u044c\u0435",
            [
                (
                    "\u043a\u0440\u0430\u0441\u043d\u043e\u0435",
                    "\u043f\u043b\u0430\u0442\u044c\u0435",
                )
            ],
        ),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", [("\u0939\u093f\u0928\u094d\u0926\u0940",)]),
        ("\u9023\u8863\u88d9", [("\u9023", "\u8863", "\u88d9")]),
        ("\u8d64\u3044\u30b7\u30e3\u30c4", [("\u8d64", "\u3044", "\u30b7\u30e3\u30c4")]),
        ("2024 / 100", []),
        ("", []),
    ],
)
def test_text_is_split_into_runs_of_words(text: str, runs: list[tuple[str, ...]]) -> None:
    assert tokenise(text) == runs


@pytest.mark.parametrize(
    "text",
    ["Navy Blue T-Shirt", "\u9023\u8863\u88d9 \u8d64", "\u30ec\u30c7\u30a3\u30fc\u30b9\u9774"],
)
def test_what_is_spelt_is_read_back_the_same(text: str) -> None:
    (run,) = tokenise(text)
    assert tokenise(spell(run)) == [run]


def test_a_document_is_the_text_of_a_product_without_what_only_machines_read() -> None:
    attributes: dict[str, AttributeValue] = {
        "tags": ("summer", "linen", 7),
        "season": "Fall",
        "year": 2012,
        "sku": "AB-1234567",
        "source": "https://shop.example/p/1",
        "file": "images/1.jpg",
        "uuid": "3b86d877-2b9e-4c8b-a6a2-1d87513309d0",
    }
    product = Product(
        "17", "Blue Shirt", "Shirts", "", 9.0, "EUR", "in stock", "https://x", attributes
    )
    document = document_of(product)
    assert document == {
        "title": "Blue Shirt",
        "category": "Shirts",
        "tags": "summer | linen",
        "season": "Fall",
    }
    assert document_of(product, frozenset({"title", "season"})) == {
        "title": "Blue Shirt",
        "season": "Fall",
    }


def test_ngrams_count_documents_and_cross_neither_fields_nor_punctuation() -> None:
    counts = count_ngrams([{"title": "red shirt, red shirt", "brand": "acme"}])
    assert counts[("red", "shirt")] == 1
    assert ("shirt", "red") not in counts
    assert ("shirt", "acme") not in counts


def test_words_that_too_few_or_too_many_have_are_no_terms() -> None:
    documents = [{"title": f"item {colour}"} for colour in ["red"] * 20 + ["blue"] * 20 + ["puce"]]
    lexicon = choose_lexicon(
        count_ngrams(documents),
        len(documents),
        min_df=5,
        max_df_share=0.8,
        min_cohesion=0.4,
        max_terms=9,
    )
    assert set(lexicon.terms) == {("red",), ("blue",)}


def test_words_that_stand_together_are_a_phrase_and_words_that_meet_by_chance_are_not() -> None:
    colours, kinds = ("navy blue", "red", "green"), ("polo shirt", "skirt", "hat")
    documents = [{"title": f"{colour} {kind}"} for colour in colours for kind in kinds] * 9
    lexicon = choose_lexicon(
        count_ngrams(documents),
        len(documents),
        min_df=5,
        max_df_share=0.8,
        min_cohesion=0.4,
        max_terms=99,
    )
    assert {words for words in lexicon.terms if len(words) > 1} == {
        ("navy", "blue"),
        ("polo", "shirt"),
    }


def test_a_longer_term_takes_from_the_terms_inside_it_what_it_binds() -> None:
    lexicon = Lexicon(
        {("blue",): 0.0, ("shoes",): 0.0, ("navy", "blue"): 0.95, ("casual", "shoes"): 0.4}
    )
    assert lexicon.find([("navy", "blue", "casual", "shoes")]) == {
        ("navy", "blue"): 1.0,
        ("casual", "shoes"): 1.0,
        ("shoes",): pytest.approx(0.6),
    }
    assert lexicon.find([("navy", "blue"), ("blue",)])[("blue",)] == 1.0
