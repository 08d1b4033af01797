"""A data folder of seconds: the four files of photos.toml, their pictures coloured shapes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from service.core.split import held_out
from support.pictures import encoded

COLOURS = {"Red": (210, 30, 30), "Navy Blue": (20, 30, 110), "White": (250, 250, 250)}
TYPES = ("Shirts", "Bags")
AUDIENCES = ("Men", "Women")
GROCERIES = ("Milk", "Juice", "Yoghurt")
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
Row = Mapping[str, object]


def held_out_ids(prefix: str, count: int) -> list[str]:
    """The first ids that the split holds out."""
    ids = (f"{prefix}-{number}" for number in range(100_000))
    return [id for id, _ in zip((i for i in ids if held_out(i)), range(count), strict=False)]


def drawing(colour: tuple[int, int, int], shape: int, seed: int) -> bytes:
    """A PNG of 40 x 40: one of four shapes at a place that the seed decides."""
    left, top = (int(v) for v in np.random.default_rng(seed).integers(2, 14, 2))
    picture = Image.new("RGB", (40, 40), (150, 160 + seed % 8, 150))
    draw = ImageDraw.Draw(picture)
    box = (left, top, left + 22, top + (22 if shape < 2 else 10))
    (draw.ellipse if shape % 2 else draw.rectangle)(box, fill=colour)
    return encoded(picture, "PNG")


def write_photos(folder: Path, *, fashion: int = 60) -> Path:
    """Write the four files, every fashion and clothing row of them held out."""
    folder.mkdir(parents=True, exist_ok=True)
    products = [fashion_row(id, number) for number, id in enumerate(held_out_ids("f", fashion))]
    # The halves overlap in nothing and each has every colour, type and audience.
    _write(folder / "fashion-hires.parquet", products[: fashion // 2])
    _write(folder / "fashion-lowres.parquet", products[fashion // 2 :])
    senders = held_out_ids("s", 4)
    _write(
        folder / "clothing.parquet",
        [clothing_row(f"c-{i}", senders[i % 4], i) for i in range(12)],
    )
    _write(folder / "grocery.parquet", [grocery_row(f"g-{i}", i) for i in range(36)])
    return folder


def fashion_row(id: str, number: int) -> Row:
    colour, kind = list(COLOURS)[number % 3], TYPES[number // 3 % 2]
    audience = AUDIENCES[number // 6 % 2]
    return {
        "id": id,
        "title": f"{audience} {colour} {kind}",
        "gender": audience,
        "master_category": "Apparel",
        "sub_category": "Topwear",
        "article_type": kind,
        "base_colour": colour,
        "season": "Summer",
        "year": 2012,
        "usage": "Casual",
        "image": drawing(COLOURS[colour], TYPES.index(kind), number),
    }


def clothing_row(id: str, sender: str, number: int) -> Row:
    colour = list(COLOURS.values())[number % 3]
    image = drawing(colour, 0, 1000 + number)
    return {"id": id, "sender": sender, "label": "Shirt", "kids": False, "image": image}


def grocery_row(id: str, number: int) -> Row:
    product = GROCERIES[number % 3]
    split = ("catalog", "train", "val", "val")[number // 3 % 4]
    return {
        "id": id,
        "kind": "iconic" if split == "catalog" else "photo",
        "split": split,
        "product": product,
        "coarse": product,
        "department": "Dairy",
        "description": "",
        "image": drawing(list(COLOURS.values())[number % 3], 2, 2000 + number),
    }


def _write(path: Path, rows: list[Row]) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "image"}
    images = [{"bytes": row["image"], "path": None} for row in rows]
    pq.write_table(pa.table({**columns, "image": pa.array(images, IMAGE)}), path)
