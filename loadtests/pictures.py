"""The pictures that shoppers send: demo products as they photograph them, and some packshots.

demo catalogue (Parquet) + fresh views (rendered) -> JPEG files -> Workload
"""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from loadtests.workload import Item, Query, Workload
from service.demo.catalog import encode, write_catalog
from service.demo.products import DemoProduct, product
from service.demo.render import render

VIEWS = 2
_SEED = 20
_MAX_QUERIES, _MAX_NEW = 200, 40
_OWN_EVERY = 8
# Sides in pixels, with their shares: about 20 kB, 45 kB and 105 kB.
_SIDES = (480, 800, 1600)
_SIDE_WEIGHTS = (0.70, 0.25, 0.05)
# Ranks of photos of 12 megapixels, some MB each: about one search in forty brings one.
_PHOTO_RANKS = (9, 36, 63, 90, 117, 144, 171)
_PHOTO_SIZE = (4000, 3000)
_PHOTO_GRAIN = 0.06


def write_shop(catalog: Path, folder: Path, count: int) -> Workload:
    """Render a catalogue of `count` products, and up to 200 pictures to search it with.

    One in eight is a picture of the catalogue itself; the rest are views that it has not, some of
    them photos of 12 megapixels. No two show the same product.

    Args:
        catalog: Parquet file to write.
        folder: For the pictures; exists.
        count: Products.
    """
    write_catalog(catalog, count, views=VIEWS)
    shelf = _shelf(catalog)
    chooser = random.Random(_SEED)
    wanted = chooser.sample(range(count), min(count, _MAX_QUERIES))
    sides = chooser.choices(_SIDES, _SIDE_WEIGHTS, k=len(wanted))

    def write(rank: int) -> Query:
        shown = product(wanted[rank])
        own = rank % _OWN_EVERY == 0
        if own:
            data = shelf.packshots[shown.id]
        elif rank in _PHOTO_RANKS:
            data = _photo(shown)
        else:
            data = encode(render(shown, VIEWS + 1, size=sides[rank]))
        return Query(_written(folder / f"{rank:03d}.jpg", data), shown.id, within=int(own))

    def write_new(number: int) -> str:
        data = encode(render(product(count + number), 0, size=_SIDES[0]))
        return _written(folder / f"new-{number:03d}.jpg", data)

    with ThreadPoolExecutor() as pool:
        queries = tuple(pool.map(write, range(len(wanted))))
        new = tuple(pool.map(write_new, range(min(count, _MAX_NEW))))
    return Workload(queries, shelf.items, shelf.image_ids, new)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The catalogue: its products, each one's first picture, and the ids of all pictures."""

    items: tuple[Item, ...]
    packshots: dict[str, bytes]
    image_ids: tuple[str, ...]


def _shelf(catalog: Path) -> _Shelf:
    table = pq.read_table(catalog, columns=["id", "category", "price", "title", "image"])
    items: dict[str, Item] = {}
    packshots: dict[str, bytes] = {}
    image_ids = []
    for row in table.to_pylist():
        data = row.pop("image")["bytes"]
        items.setdefault(row["id"], Item(**row))
        packshots.setdefault(row["id"], data)
        image_ids.append(sha256(data).hexdigest())
    return _Shelf(tuple(items.values()), packshots, tuple(image_ids))


def _written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def _photo(shown: DemoProduct) -> bytes:
    """Return a photo as a telephone takes it: 12 megapixels with the sensor's grain, some MB."""
    sharp = render(shown, VIEWS + 1, size=1000)
    large = ImageOps.pad(sharp, _PHOTO_SIZE, color="grey")
    width, height = _PHOTO_SIZE
    noise = np.random.default_rng(_SEED).integers(256, size=(height, width, 1), dtype=np.uint8)
    grain = Image.fromarray(noise.repeat(3, axis=2))
    return encode(Image.blend(large, grain, _PHOTO_GRAIN))
