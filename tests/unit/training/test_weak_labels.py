import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from training.labels import DataError
from training.term_clusters import endings
from training.terms import Document
from training.weak_labels import WeakLabels, learn_weak_labels, sampling_weights

COLOURS = ("black", "white", "red", "navy blue", "blue")
KINDS = {
    "men": ("shirt", "tie", "wallet", "belt"),
    "women": ("skirt", "dress", "kurta", "heels"),
}
BRANDS = {"men": ("arrow", "puma"), "women": ("biba", "catwalk")}


@pytest.fixture(scope="module")
def shop() -> list[Document]:
    """Titles such as "puma men navy blue shirts", with the habits of real catalogues."""
    generator = np.random.default_rng(7)
    documents = []
    for _ in range(4000):
        who = str(generator.choice(list(KINDS)))
        kind = str(generator.choice(KINDS[who]))
        if kind in ("shirt", "skirt") and generator.random() < 0.3:
            kind += "s"
        words = [str(generator.choice(BRANDS[who])), who, str(generator.choice(COLOURS)), kind]
        if generator.random() < 0.4:
            words.insert(int(generator.integers(4)), str(generator.choice(["the", "of", "and"])))
        documents.append({"title": " ".join(words)})
    return documents


@pytest.fixture(scope="module")
def weak(shop: list[Document]) -> WeakLabels:
    return learn_weak_labels(shop)


def label(weak: WeakLabels, term: str) -> str:
    return weak.labels[weak.terms[term][0]]


def test_every_term_stands_for_one_label_and_every_label_names_itself(weak: WeakLabels) -> None:
    assert len(weak.terms) == len(weak.vocabulary)
    assert len(set(weak.labels)) == len(weak.labels)
    for number, head in enumerate(weak.labels):
        assert weak.terms[head] == (number, 1.0)
    assert all(0 < weight <= 1 for _, weight in weak.terms.values())


def test_spellings_of_a_word_are_one_label(weak: WeakLabels) -> None:
    assert label(weak, "shirts") == "shirt"
    assert label(weak, "skirts") == "skirt"


def test_a_rare_term_joins_the_frequent_one_that_it_implies() -> None:
    things = ("sunglasses", "shirt", "skirt", "belt", "wallet")
    titles = [f"{colour} {thing}" for colour in COLOURS for thing in things] * 20
    titles += ["red wayfarer sunglasses", "black wayfarer sunglasses"] * 5
    weak = learn_weak_labels([{"title": title} for title in titles])
    assert label(weak, "wayfarer") == "sunglasses"


def test_a_frequent_term_is_not_lost_in_a_wider_one_that_it_implies() -> None:
    categories = {"shoes": "footwear", "sandals": "footwear", "shirt": "apparel", "tie": "apparel"}
    weak = learn_weak_labels(
        [
            {"title": f"{colour} {thing}", "category": category}
            for colour in COLOURS * 20
            for thing, category in categories.items()
        ]
    )
    assert {"footwear", "shoes", "sandals"} <= set(weak.labels)


@pytest.mark.parametrize(
    "terms", [COLOURS, ("men", "women"), KINDS["men"], KINDS["women"], ("shirt", "skirt")]
)
def test_terms_that_are_used_alike_but_mean_different_things_stay_apart(
    weak: WeakLabels, terms: tuple[str, ...]
) -> None:
    assert len({label(weak, term) for term in terms}) == len(terms)


def test_words_that_tell_nothing_are_no_labels(weak: WeakLabels) -> None:
    assert not {"the", "of", "and"} & set(weak.terms)


def test_a_product_has_the_labels_that_its_text_names(weak: WeakLabels) -> None:
    found = weak.targets({"title": "The Puma, Navy-Blue SHIRTS for men"})
    assert {weak.labels[n] for n in found} == {"puma", "navy blue", "shirt", "men"}
    assert all(0 < weight <= 1 for weight in found.values())
    assert weak.targets({"title": "an unknown thing"}) == {}
    assert weak.targets({}) == {}


def test_learning_twice_gives_the_same(weak: WeakLabels, shop: list[Document]) -> None:
    assert learn_weak_labels(shop) == weak


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "no text"),
        ([{}, {}], "no text"),
        ([{"title": "12"}, {"title": " - "}], "no text"),
        ([{"title": "same thing"}] * 50, "tells them apart"),
        ([{"title": "one"}, {"title": "two"}], "tells them apart"),
    ],
)
def test_a_catalogue_that_names_nothing_is_one_line(
    documents: list[Document], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        learn_weak_labels(documents)
    assert "\n" not in str(caught.value)


def test_saved_labels_mean_the_same_when_loaded(
    weak: WeakLabels, shop: list[Document], tmp_path: Path
) -> None:
    weak.save(tmp_path / "labels.json")
    loaded = WeakLabels.load(tmp_path / "labels.json")
    assert loaded.labels == weak.labels
    for document in shop[:100]:
        assert loaded.targets(document) == pytest.approx(weak.targets(document), abs=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 99}',
        '{"schema": 1}',
        '{"schema": 1, "labels": ["a"], "terms": [{}]}',
    ],
)
def test_a_file_that_is_not_ours_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"labels\.json"):
        WeakLabels.load(path)
    with pytest.raises(DataError, match=r"none\.json"):
        WeakLabels.load(tmp_path / "none.json")


def test_a_term_of_a_label_that_is_not_there_is_refused(weak: WeakLabels, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    weak.save(path)
    record = json.loads(path.read_text())
    record["labels"] = record["labels"][:1]
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match="damaged"):
        WeakLabels.load(path)


@pytest.mark.parametrize(
    ("one", "other", "parts"),
    [
        ("shirt", "shirts", ("", "s")),
        ("accessories", "accessory", ("y", "ies")),
        (
            "\u0444\u0443\u0442\u0431\u043e\u043b\u043a\u0430",
            "\u0444\u0443\u0442\u0431\u043e\u043b\u043a\u0438",
            ("\u0430", "\u0438"),
        ),
        ("men", "women", None),
        ("shirt", "skirt", None),
        ("kurta", "kurti", None),
        ("cat", "catwalk", None),
    ],
)
def test_only_endings_part_spellings_of_a_word(
    one: str, other: str, parts: tuple[str, str] | None
) -> None:
    assert endings(one, other) == endings(other, one) == parts


def test_sampling_follows_the_square_root_of_rarity() -> None:
    # Shares 1, 0.01 and 0.0004 of 2,500 products: drawn 1, 1 and 5 times as often.
    targets: list[dict[int, float]] = [{0: 1.0} for _ in range(2500)]
    for i in range(25):
        targets[i][1] = 1.0
    targets[100][2] = 1.0
    targets.append({})
    weights = sampling_weights(targets, 3)
    assert weights.sum() == pytest.approx(1)
    assert weights[50] > 0
    assert weights[0] / weights[50] == pytest.approx(1, rel=1e-3)
    assert weights[100] / weights[50] == pytest.approx(5, rel=1e-3)
    assert weights[-1] == 0


@pytest.mark.parametrize("seed", range(5))
def test_sampling_weights_are_bounded_and_rarer_labels_are_drawn_more(seed: int) -> None:
    generator = np.random.default_rng(seed)
    ranks = np.minimum(generator.zipf(1.4, 3000), 200) - 1
    weights = sampling_weights([{int(rank): 1.0} for rank in ranks], 200, cap=4.0)
    assert weights.sum() == pytest.approx(1)
    assert weights.max() <= 4.0 * weights.min() * (1 + 1e-9)
    counts = np.bincount(ranks, minlength=200)[ranks]
    for a, b in product(range(0, 3000, 100), repeat=2):
        if counts[a] < counts[b]:
            assert weights[a] >= weights[b]


def test_products_without_any_label_cannot_be_drawn_from() -> None:
    with pytest.raises(DataError, match="label"):
        sampling_weights([{}, {}], 3)
