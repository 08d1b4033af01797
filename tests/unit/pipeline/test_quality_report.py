"""The catalogue report: each finding where there is one, and none where the catalogue is clean."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from service.core.errors import InvalidFilterError
from service.core.quality import QualityOptions, Shown
from service.core.types import Product, StoredProduct
from service.pipeline.quality_report import inspect_catalog
from support.catalogues import DIM, Catalogue, clean_catalogue, picture
from support.pictures import encoded


@pytest.fixture
def catalogue() -> Catalogue:
    return clean_catalogue()


def near(vector: np.ndarray, by: float = 0.001) -> np.ndarray:
    return vector + by * np.random.default_rng(9).normal(size=DIM)


def relabel(catalogue: Catalogue, product: str, category: str) -> None:
    catalogue.products[product] = replace(catalogue.products[product], category=category)


def test_a_clean_catalogue_gives_no_finding(catalogue: Catalogue) -> None:
    report = catalogue.report()
    assert report.judged == report.products == report.pictures == 72
    assert not report.disagreements
    assert not report.shared
    assert not report.placeholders
    assert not report.blank
    assert not report.without_thumbnail
    assert not report.without_picture


def test_one_file_under_two_products_is_one_group(catalogue: Catalogue) -> None:
    twin = Product("twin", "Its twin", category="kind 1")
    catalogue.add(twin, picture(4), catalogue.vectors[4])
    (group,) = catalogue.report().shared
    assert [each.product_id for each in group.shown] == ["p4", "twin"]
    assert (group.products, group.labels, group.exact) == (2, 1, True)


def test_a_copy_saved_anew_is_found_by_its_pixels(catalogue: Catalogue) -> None:
    catalogue.add(Product("copy", category="kind 1"), picture(4, 40), near(catalogue.vectors[4]))
    (group,) = catalogue.report().shared
    assert [each.product_id for each in group.shown] == ["p4", "copy"]
    assert not group.exact


def test_another_photo_is_no_copy_however_near_its_vector(catalogue: Catalogue) -> None:
    catalogue.add(Product("other", category="kind 1"), picture(500), near(catalogue.vectors[4]))
    assert not catalogue.report().shared


def test_the_same_pixels_far_away_were_never_proposed(catalogue: Catalogue) -> None:
    catalogue.add(Product("far", category="kind 2"), picture(4, 40), catalogue.vectors[5])
    assert not catalogue.report().shared


def test_one_picture_twice_under_one_product_is_no_finding(catalogue: Catalogue) -> None:
    catalogue.add(catalogue.products["p4"], picture(4, 40), near(catalogue.vectors[4]))
    assert not catalogue.report().shared


def test_copies_without_thumbnails_must_have_almost_one_vector(catalogue: Catalogue) -> None:
    same, close = Product("same", category="kind 1"), Product("close", category="kind 2")
    a = catalogue.add(same, picture(4, 40), near(catalogue.vectors[4], 0.001))
    b = catalogue.add(close, picture(5, 40), near(catalogue.vectors[5], 0.012))
    del catalogue.thumbnails.kept[a], catalogue.thumbnails.kept[b]
    report = catalogue.report()
    assert [[s.product_id for s in group.shown] for group in report.shared] == [["p4", "same"]]
    assert [each.product_id for each in report.without_thumbnail] == ["same", "close"]


@pytest.mark.parametrize(
    ("products", "kinds", "placeholders", "shared"), [(6, 3, 1, 0), (6, 1, 0, 1), (4, 3, 0, 1)]
)
def test_a_placeholder_is_under_many_products_of_different_categories(
    catalogue: Catalogue, products: int, kinds: int, placeholders: int, shared: int
) -> None:
    for number in range(products):
        product = Product(f"x{number}", category=f"kind {number % kinds}")
        catalogue.add(product, picture(900), np.eye(DIM)[20])
    report = catalogue.report(placeholder_products=5)
    assert (len(report.placeholders), len(report.shared)) == (placeholders, shared)
    assert [group.products for group in (*report.placeholders, *report.shared)] == [products]


@pytest.mark.parametrize("colour", [(255, 255, 255), (17, 90, 200), (0, 0, 0)])
def test_a_picture_of_one_colour_has_no_content(
    catalogue: Catalogue, colour: tuple[int, int, int]
) -> None:
    noise = np.random.default_rng(0).integers(-3, 4, size=(96, 96, 3))
    nearly = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    data = encoded(Image.fromarray(nearly), "JPEG", quality=80)
    for number in range(3):
        catalogue.add(Product(f"b{number}", category=f"kind {number}"), data, np.eye(DIM)[20])
    report = catalogue.report(placeholder_products=3)
    (group,) = report.blank
    assert [each.product_id for each in group.shown] == ["b0", "b1", "b2"]
    assert not report.placeholders
    assert not report.shared


def test_a_small_white_thing_on_white_is_content(catalogue: Catalogue) -> None:
    pixels = np.full((256, 256, 3), 255, np.uint8)
    pixels[120:136, 120:136] = 225
    data = encoded(Image.fromarray(pixels), "PNG")
    catalogue.add(Product("ring", category="kind 0"), data, np.eye(DIM)[20])
    assert not catalogue.report().blank


def test_a_product_among_those_of_another_category_is_named(catalogue: Catalogue) -> None:
    relabel(catalogue, "p4", "kind 0")
    (found,) = catalogue.report().disagreements
    assert found.shown.product_id == "p4"
    assert (found.shown.label, found.suspected) == ("kind 0", "kind 1")
    assert (found.share, found.own) == (1.0, 0.0)
    assert [each.label for each in found.evidence] == ["kind 1"] * 4
    assert (found.pictures, found.of) == (1, 1)


def test_another_field_is_judged_by_its_own_values(catalogue: Catalogue) -> None:
    for id_, product in catalogue.products.items():
        colour = "red" if id_ == "p4" else f"colour {product.category}"
        catalogue.products[id_] = replace(product, attributes={"colour": colour})
    catalogue.products["p7"] = replace(
        catalogue.products["p7"], attributes={"colour": "colour kind 0"}
    )
    report = catalogue.report(field="colour")
    # p4's colour is its own alone: that its neighbours have another is as usual.
    assert [each.shown.product_id for each in report.disagreements] == ["p7"]


def test_what_a_category_is_usually_taken_for_is_no_finding(catalogue: Catalogue) -> None:
    for number in range(1, 72, 6):  # half of kind 1, spread evenly among the other half
        relabel(catalogue, f"p{number}", "kind 1b")
    assert not catalogue.report().disagreements


def test_labels_that_differ_in_case_alone_are_one(catalogue: Catalogue) -> None:
    relabel(catalogue, "p4", "KIND 0")
    relabel(catalogue, "p7", "KIND 1")
    (found,) = catalogue.report().disagreements
    assert (found.shown.product_id, found.shown.label) == ("p4", "kind 0")


def test_a_product_without_a_category_neither_votes_nor_is_judged(catalogue: Catalogue) -> None:
    relabel(catalogue, "p4", "")
    report = catalogue.report()
    assert report.judged == 71
    assert not report.disagreements


def test_one_odd_picture_of_several_weighs_less_than_all(catalogue: Catalogue) -> None:
    relabel(catalogue, "p4", "kind 0")
    mixed = catalogue.products["p6"]
    catalogue.add(mixed, picture(600), near(catalogue.vectors[5]))
    first, second = catalogue.report().disagreements
    assert (first.shown.product_id, second.shown.product_id) == ("p4", "p6")
    assert (second.pictures, second.of, second.suspected) == (1, 2, "kind 2")


def test_a_product_of_many_pictures_has_one_vote(catalogue: Catalogue) -> None:
    """Twenty pictures of one mislabelled product beside p4 do not outvote its own kind."""
    wrong = Product("wrong", category="kind 0")
    for number in range(20):
        catalogue.add(wrong, picture(700 + number), near(catalogue.vectors[4], 0.01 + number / 1e4))
    found = [each.shown.product_id for each in catalogue.report().disagreements]
    assert found == ["wrong"]


def test_a_copy_of_a_picture_is_no_witness_for_its_label(catalogue: Catalogue) -> None:
    """Four copies under the same wrong label would vouch for each other."""
    for number in range(4):
        product = Product(f"c{number}", category="kind 0")
        data = picture(800, 60 + 9 * number)
        catalogue.add(product, data, near(catalogue.vectors[4], 0.001 * number))
    report = catalogue.report()
    assert {each.shown.product_id for each in report.disagreements} == {"c0", "c1", "c2", "c3"}
    assert [group.products for group in report.shared] == [4]


def test_products_that_the_index_lacks_are_listed(catalogue: Catalogue) -> None:
    steps: list[tuple[int, int]] = []
    report = inspect_catalog(
        catalogue.snapshot(),
        catalogue.thumbnails,
        [
            StoredProduct(Product("bare", "Bare", category="kind 1"), (), "2026-01-01", 7),
            StoredProduct(Product("broken", attributes={"size": 4}), ("ab" * 32,), "2026-01-01", 8),
        ],
        QualityOptions(),
        lambda done, total: steps.append((done, total)),
    )
    assert report.without_picture == (
        Shown("bare", "", "Bare", "kind 1"),
        Shown("broken", "ab" * 32, "", ""),
    )
    assert sum(done for done, _ in steps) == steps[0][1] == 144


def test_a_field_that_there_is_not_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidFilterError, match="no field 'kind'"):
        catalogue.report(field="kind")


def test_nothing_is_wrong_with_no_catalogue() -> None:
    report = Catalogue().report()
    assert (report.products, report.pictures, report.judged) == (0, 0, 0)
    assert not report.shared
