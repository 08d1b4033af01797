"""The page of a catalogue report: whole in itself, nothing a catalogue wrote is markup, limits."""

import re
from html.parser import HTMLParser

import pytest

from service.cli.quality_page import page
from service.core.types import Product
from support.catalogues import Catalogue, clean_catalogue, picture

EVIL = "\"><script>alert(1)</script><img src=x onerror='alert(2)'> $title & co"


class Reader(HTMLParser):
    """Collects elements with their attributes, and the words between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def catalogue() -> Catalogue:
    return clean_catalogue()


def read(catalogue: Catalogue, limit: int = 50, **options: object) -> Reader:
    return Reader(page(catalogue.report(**options), catalogue.thumbnails, limit))


def test_a_clean_catalogue_is_told_so(catalogue: Catalogue) -> None:
    found = read(catalogue)
    assert "Nothing was found" in found.words
    assert not found.named("img")
    assert not found.named("a")


def test_what_a_catalogue_wrote_is_text_and_never_markup(catalogue: Catalogue) -> None:
    for id_, product in catalogue.products.items():
        kind = "0" if id_ == "p4" else product.category[-1]
        catalogue.products[id_] = Product(f"{EVIL}{id_}", EVIL, f"{EVIL}{kind}")
    catalogue.add(Product(f"twin{EVIL}", EVIL, f"{EVIL}1"), picture(10), catalogue.vectors[10])
    lost = catalogue.add(Product("lost", EVIL), picture(99), catalogue.vectors[5])
    del catalogue.thumbnails.kept[lost]
    found = read(catalogue)
    assert {"disagree", "shared", "missing"} == {h.get("id") for h in found.named("h2")}
    assert not found.named("script")
    assert not [key for _, attributes in found.elements for key in attributes if key[:2] == "on"]
    assert found.words.count(EVIL) >= 8
    assert all((image["src"] or "").startswith("data:image/webp;") for image in found.named("img"))
    assert EVIL in {image["alt"] for image in found.named("img")}


def test_a_field_is_escaped_as_well(catalogue: Catalogue) -> None:
    for id_, product in list(catalogue.products.items()):
        kind = "kind 0" if id_ == "p4" else product.category
        catalogue.products[id_] = Product(id_, attributes={"<b>kind</b>": kind})
    found = read(catalogue, field="<b>kind</b>")
    assert "disagree with their <b>kind</b>" in found.words
    assert not found.named("b")


def test_the_page_asks_nothing_of_any_server(catalogue: Catalogue) -> None:
    catalogue.add(Product("twin", "Twin"), picture(4), catalogue.vectors[4])
    found = read(catalogue)
    addresses = [v or "" for _, a in found.elements for k, v in a.items() if k in ("src", "href")]
    assert addresses
    assert all(re.match(r"data:image/|#", address) for address in addresses)
    (policy,) = [m for m in found.named("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in (policy["content"] or "")


def test_every_link_leads_to_a_section(catalogue: Catalogue) -> None:
    catalogue.add(Product("twin", "Twin"), picture(4), catalogue.vectors[4])
    found = read(catalogue)
    ids = {a["id"] for _, a in found.elements if "id" in a}
    assert {(link["href"] or "")[1:] for link in found.named("a")} == ids == {"shared"}


def test_a_limit_shows_fewer_and_counts_all(catalogue: Catalogue) -> None:
    for number in range(5):
        twin = Product(f"twin{number}", category="kind 0")
        catalogue.add(twin, picture(number), catalogue.vectors[number])
    found = read(catalogue, limit=2)
    assert len(found.named("article")) == 2
    assert "One picture, several products 5" in found.words
    assert "The first 2 are shown" in found.words


def test_many_products_of_one_picture_are_named_up_to_eight(catalogue: Catalogue) -> None:
    for number in range(30):
        product = Product(f"x{number}", f"Thing {number}", category=f"kind {number % 3}")
        catalogue.add(product, picture(900), catalogue.vectors[0])
    found = read(catalogue)
    assert len(found.named("img")) == 1
    assert found.words.count("Thing ") == 8
    assert "and 22 more" in found.words


def test_a_picture_without_a_thumbnail_has_a_place_and_a_name(catalogue: Catalogue) -> None:
    image = catalogue.add(Product("twin", "Twin"), picture(4), catalogue.vectors[4])
    del catalogue.thumbnails.kept[image]
    found = read(catalogue)
    assert not found.named("img")
    assert "Product 4: no thumbnail" in {d.get("aria-label") for d in found.named("div")}
