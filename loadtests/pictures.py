"""The pictures that shoppers send: demo products as they photograph them, and some packshots.

demo catalogue (Parquet) + fresh views (rendered) -> JPEG files -> Workload
"""

import random
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from loadtests.workload import Query, Workload
from service.demo.catalog import encode, write_catalog
from service.demo.products import DemoProduct, products
from service.demo.render import render

VIEWS = 2
_SEED = 20
_MAX_QUERIES = 200
_OWN_EVERY = 8
# Sides in pixels, with their shares: about 20 kB, 45 kB and 105 kB.
_SIDES = (480, 800, 1600)
_SIDE_WEIGHTS = (0.70, 0.25, 0.05)
_PHOTO_SIZE = (4000, 3000)
_PHOTO_GRAIN = 0.06


def write_shop(catalog: Path, folder: Path, count: int) -> Workload:
    """Render a catalogue of `count` products, and up to 200 pictures to search it with.

    One in eight is a picture of the catalogue itself; the rest are views that it has not, one of
    them a photo of 12 megapixels. No two show the same product.

    Args:
        catalog: Parquet file to write.
        folder: For the pictures; exists.
        count: Products.
    """
    write_catalog(catalog, count, views=VIEWS)
    packshots, image_ids = _catalogue_pictures(catalog)
    chooser = random.Random(_SEED)
    shop = list(products(count))
    wanted = chooser.sample(shop, min(count, _MAX_QUERIES))
    sides = chooser.choices(_SIDES, _SIDE_WEIGHTS, k=len(wanted))

    def write(rank: int) -> Query:
        product = wanted[rank]
        own = rank % _OWN_EVERY == 0
        if own:
            data = packshots[product.id]
        elif rank == 1:
            data = _photo(product)
        else:
            data = encode(render(product, VIEWS + 1, size=sides[rank]))
        path = folder / f"{rank:03d}-{product.id}.jpg"
        path.write_bytes(data)
        return Query(str(path), product.id, own)

    with ThreadPoolExecutor() as pool:
        queries = list(pool.map(write, range(len(wanted))))
    # Rank 1 would be asked for in every tenth search; a photo of that size is rarer.
    queries.insert(len(queries) // 4, queries.pop(1))
    return Workload(tuple(queries), tuple(product.id for product in shop), image_ids)


def _catalogue_pictures(catalog: Path) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return each product's packshot, and the ids of all pictures."""
    table = pq.read_table(catalog, columns=["id", "image"])
    packshots: dict[str, bytes] = {}
    image_ids = []
    for row in table.to_pylist():
        data = row["image"]["bytes"]
        packshots.setdefault(row["id"], data)
        image_ids.append(sha256(data).hexdigest())
    return packshots, tuple(image_ids)


def _photo(product: DemoProduct) -> bytes:
    """Return a photo as a telephone takes it: 12 megapixels with the sensor's grain, some MB."""
    sharp = render(product, VIEWS + 1, size=1000)
    large = ImageOps.pad(sharp, _PHOTO_SIZE, color="grey")
    width, height = _PHOTO_SIZE
    noise = np.random.default_rng(_SEED).integers(256, size=(height, width, 1), dtype=np.uint8)
    grain = Image.fromarray(noise.repeat(3, axis=2))
    return encode(Image.blend(large, grain, _PHOTO_GRAIN))
