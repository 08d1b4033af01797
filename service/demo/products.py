"""Products of the demo shop: number -> DemoProduct, any number at once, no state.

(seed, number) -> random numbers -> DemoProduct -> render.py, catalog.py
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.demo.kinds import KINDS, Kind, style_of
from service.demo.palette import COLOURS
from service.demo.patterns import PATTERNS

BRANDS = (
    "Halden", "Morvik", "Tessaro", "Quillow", "Brisko", "Ondavel", "Fjelmar",
    "Luntera", "Corvane", "Pellisk", "Varnholm", "Osterley Pine", "Zephrine", "Madrugo",
)  # fmt: skip

# How often each pattern occurs; real shelves are mostly plain.
_PATTERN_WEIGHTS = (0.36, 0.10, 0.08, 0.09, 0.08, 0.08, 0.06, 0.08, 0.07)
_AVAILABILITY = ("in_stock", "out_of_stock", "preorder")
_AVAILABILITY_WEIGHTS = (0.86, 0.10, 0.04)

_PATTERN_WORDS: dict[str, tuple[str, ...]] = {
    "plain": ("", "", "", "classic", "essential"),
    "striped": ("striped", "fine-stripe"),
    "wide-striped": ("wide-striped", "block-stripe"),
    "checked": ("checked", "gingham"),
    "dotted": ("dotted", "polka-dot"),
    "floral": ("floral", "flower-print"),
    "chevron": ("chevron", "zigzag"),
    "printed": ("printed", "graphic"),
    "colour-block": ("colour-block", "two-tone"),
}
_FOR = {"women": "women's", "men": "men's", "kids": "kids'", "unisex": "unisex", "home": ""}
# The noun follows the style, except where the style already is the noun.
_NOUNS = {
    ("trousers", "shorts"): "shorts",
    ("sofa", "armchair"): "armchair",
    ("chair", "stool"): "stool",
    ("hat", "beanie"): "beanie",
    ("hat", "baseball"): "baseball cap",
    ("hat", "trucker"): "trucker cap",
    ("handbag", "tote"): "tote bag",
    ("handbag", "satchel"): "satchel",
    ("sweater", "hooded"): "hoodie",
    ("vase", "bowl"): "bowl vase",
    ("pump", "ballet"): "ballet flats",
    ("bottle", "flask"): "flask",
}
_PLURALS = {"sneaker": "sneakers", "boot": "boots", "pump": "pumps", "lamp": "table lamp"}


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """One product of the demo shop.

    Attributes:
        id: "demo-000123".
        title: as a shop would write it.
        category: two levels, "Clothing > T-shirts".
        kind: the name of a Kind, "t-shirt".
        brand: an invented name.
        price: in `currency`.
        currency: "EUR".
        availability: "in_stock", "out_of_stock" or "preorder".
        url: the product's page, which does not exist.
        colour: a name in palette.COLOURS.
        pattern: a name in patterns.PATTERNS.
        audience: "women", "men", "unisex", "kids" or "home".
        seed: fixes everything else, and every pixel of every view.
    """

    id: str
    title: str
    category: str
    kind: str
    brand: str
    price: float
    currency: str
    availability: str
    url: str
    colour: str
    pattern: str
    audience: str
    seed: int


def _title(start: str, described: str, noun: str, colour: str, layout: int) -> str:
    """Compose a title; start is brand and audience, layout one of three orders of words."""
    if layout == 1:
        return " ".join(part for part in (start, colour, described, noun) if part)
    tail = f", {colour}" if layout == 0 else f" in {colour}"
    return " ".join(part for part in (start, described, noun) if part) + tail


def _noun(kind: Kind, style: str) -> str:
    own = _NOUNS.get((kind.name, style))
    return own or f"{style} {_PLURALS.get(kind.name, kind.name)}"


def _price(kind: Kind, rng: np.random.Generator) -> float:
    low, high = kind.prices
    amount = float(low * (high / low) ** rng.random())
    return round(amount) - 0.01 if amount < 100 else float(round(amount / 5) * 5)


def product(number: int, *, seed: int = 0) -> DemoProduct:
    """Return product `number` (0, 1, 2, ...) of the shop called `seed`.

    The same pair gives the same product always, however many others are made.
    """
    rng = np.random.default_rng((seed, number))
    own_seed = int(rng.integers(2**62))
    rng = np.random.default_rng(own_seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    style = style_of(kind, own_seed)
    colours = tuple(COLOURS)
    colour = colours[int(rng.integers(len(colours)))]
    pattern = PATTERNS[int(rng.choice(len(PATTERNS), p=_PATTERN_WEIGHTS))]
    brand = BRANDS[int(rng.integers(len(BRANDS)))]
    audience = kind.audiences[int(rng.integers(len(kind.audiences)))]
    words = _PATTERN_WORDS[pattern]
    described = words[int(rng.integers(len(words)))]
    whose = _FOR[audience] if rng.random() < 0.4 else ""
    start = f"{brand} {whose}" if whose else brand
    identifier = f"demo-{number:06d}"
    return DemoProduct(
        id=identifier,
        title=_title(start, described, _noun(kind, style), colour, int(rng.integers(3))),
        category=kind.category,
        kind=kind.name,
        brand=brand,
        price=_price(kind, rng),
        currency="EUR",
        availability=_AVAILABILITY[int(rng.choice(3, p=_AVAILABILITY_WEIGHTS))],
        url=f"https://shop.example/p/{identifier}",
        colour=colour,
        pattern=pattern,
        audience=audience,
        seed=own_seed,
    )


def products(count: int, *, seed: int = 0) -> Iterator[DemoProduct]:
    """Yield products 0 to count - 1 of the shop called `seed`."""
    return (product(number, seed=seed) for number in range(count))
