"""The kinds of goods the demo shop sells: what each is called, costs, and how it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.demo import (
    shapes_backpacks,
    shapes_boots,
    shapes_clothes,
    shapes_decor,
    shapes_eyewear,
    shapes_handbags,
    shapes_headwear,
    shapes_seating,
    shapes_sneakers,
    shapes_tableware,
    shapes_tops,
    shapes_vessels,
    shapes_watches,
)
from service.demo.palette import Look
from service.demo.parts import Drawing

Draw = Callable[[np.random.Generator, str, Look], Drawing]

_WORN = ("women", "men", "unisex", "kids")
_GROWN = ("women", "men", "unisex")
_HER = ("women", "women", "kids")
_HOME = ("home",)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of goods.

    Attributes:
        name: as it stands in the catalogue, e.g. "t-shirt".
        category: two levels, e.g. "Clothing > T-shirts".
        audiences: for whom; repeated values are likelier.
        prices: lowest and highest, in EUR.
        draw: rng, style, Look -> Drawing.
        styles: named shapes; a product has one, and its title says which.
    """

    name: str
    category: str
    audiences: tuple[str, ...]
    prices: tuple[float, float]
    draw: Draw
    styles: tuple[str, ...]


# fmt: off
KINDS: tuple[Kind, ...] = (
    Kind("t-shirt", "Clothing > T-shirts", _WORN, (9, 45), shapes_tops.t_shirt,
         ("crew-neck", "V-neck", "scoop-neck", "long-sleeved")),
    Kind("sweater", "Clothing > Knitwear", _WORN, (25, 120), shapes_tops.sweater,
         ("crew-neck", "V-neck", "roll-neck", "hooded")),
    Kind("dress", "Clothing > Dresses", _HER, (29, 160), shapes_clothes.dress,
         ("A-line", "shift", "slip", "maxi")),
    Kind("skirt", "Clothing > Skirts", _HER, (19, 90), shapes_clothes.skirt,
         ("pleated", "A-line", "pencil", "mini")),
    Kind("trousers", "Clothing > Trousers", _WORN, (25, 130), shapes_clothes.trousers,
         ("slim", "straight", "wide-leg", "shorts")),
    Kind("sneaker", "Shoes > Sneakers", _WORN, (35, 150), shapes_sneakers.sneaker,
         ("low-top", "high-top", "running", "slip-on")),
    Kind("boot", "Shoes > Boots", _WORN, (49, 220), shapes_boots.boot,
         ("chelsea", "lace-up", "knee-high", "rain")),
    Kind("pump", "Shoes > Pumps", ("women",), (39, 170), shapes_boots.pump,
         ("stiletto", "block-heel", "ballet", "slingback")),
    Kind("handbag", "Bags > Handbags", ("women",), (39, 260), shapes_handbags.handbag,
         ("satchel", "tote", "crossbody", "bucket")),
    Kind("backpack", "Bags > Backpacks", _WORN, (35, 160), shapes_backpacks.backpack,
         ("rounded", "roll-top", "flap", "hiking")),
    Kind("watch", "Accessories > Watches", _GROWN, (45, 390), shapes_watches.watch,
         ("round", "square", "sport", "bracelet")),
    Kind("sunglasses", "Accessories > Sunglasses", _GROWN, (19, 180), shapes_eyewear.sunglasses,
         ("round", "cat-eye", "aviator", "square")),
    Kind("hat", "Accessories > Hats", _WORN, (15, 55), shapes_headwear.cap,
         ("baseball", "bucket", "beanie", "trucker")),
    Kind("mug", "Kitchen > Mugs", _HOME, (7, 32), shapes_tableware.mug,
         ("straight", "tapered", "barrel", "camping")),
    Kind("teapot", "Kitchen > Teapots", _HOME, (22, 90), shapes_tableware.teapot,
         ("round", "tall", "low")),
    Kind("bottle", "Kitchen > Bottles", _HOME, (12, 48), shapes_vessels.bottle,
         ("insulated", "sport", "glass", "flask")),
    Kind("vase", "Home > Vases", _HOME, (14, 110), shapes_vessels.vase,
         ("bottle", "amphora", "cylinder", "bowl")),
    Kind("cushion", "Home > Cushions", _HOME, (12, 60), shapes_decor.cushion,
         ("square", "oblong", "round", "tasselled")),
    Kind("lamp", "Home > Table lamps", _HOME, (29, 190), shapes_decor.lamp,
         ("ceramic", "column", "tripod", "mushroom")),
    Kind("chair", "Furniture > Chairs", _HOME, (59, 340), shapes_seating.chair,
         ("shell", "spindle", "upholstered", "stool")),
    Kind("sofa", "Furniture > Sofas", _HOME, (290, 2400), shapes_seating.sofa,
         ("two-seat", "three-seat", "armchair", "chesterfield")),
)
# fmt: on

_BY_NAME = {kind.name: kind for kind in KINDS}


def style_of(kind: Kind, seed: int) -> str:
    """Return the style of the product with this seed."""
    return kind.styles[seed % len(kind.styles)]


def draw(name: str, seed: int, look: Look, rng: np.random.Generator) -> Drawing:
    """Return the drawing of the product with this kind and seed, in the colours of `look`."""
    kind = _BY_NAME[name]
    return kind.draw(rng, style_of(kind, seed), look)
