"""Products to the columns of a snapshot, by the real writer."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from service.adapters.product_columns import ProductColumns, read_products
from service.adapters.product_table import write_products
from service.core.types import Product
from support.fake_store import FakeProductStore, fill


def columns_of(folder: Path, products: Sequence[Product]) -> ProductColumns:
    """Write these products' fields into the folder and read them."""
    store = FakeProductStore()
    fill(store, [(product, ()) for product in products], "")
    ids = pa.array([product.id for product in products], pa.string())
    table = pa.table({"image_id": ids, "product_id": ids})
    with pa.ipc.new_file(str(folder / "products.arrow"), table.schema) as file:
        file.write_table(table)
    with store.view() as view:
        write_products(folder, view)
    columns, _ = read_products(folder)
    return columns
