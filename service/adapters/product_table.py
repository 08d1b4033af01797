"""The fields of a snapshot's products, written beside its vectors for filters and facets.

    products.arrow -> its products, numbered by first row -> product_rows.npy
                   -> twice through the catalogue, in batches -> kinds -> attributes.arrow

attributes.arrow has a row a product and a column a field: dictionary of texts, text, float64, bool,
or a list of one of the last three. Memory holds the ids and a batch, however many fields there are.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from service.core.product_kinds import Kind, as_kind, fixed_kinds, survey
from service.core.store import CatalogView
from service.core.types import FIELDS, AttributeValue, Product

PRODUCT_FILES = ("attributes.arrow", "product_rows.npy")
_BATCH = 8192


def write_products(folder: Path, view: CatalogView) -> int:
    """Write `PRODUCT_FILES` for the rows of products.arrow in the folder; count the products.

    Raises:
        OSError: The folder cannot be written.
    """
    ids = _number_products(folder)
    kinds = fixed_kinds()
    for products in _batches(ids, view):
        for product in products:
            survey(kinds, product.fields())
    encoders = {key: _Encoder(kind) for key, kind in sorted(kinds.items(), key=_fields_first)}
    schema = pa.schema([(key, encoder.type) for key, encoder in encoders.items()])
    with (
        pa.OSFile(str(folder / "attributes.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, schema) as table,
    ):
        for products in _batches(ids, view):
            rows = [product.fields() for product in products]
            columns = [coder.encode([r.get(key) for r in rows]) for key, coder in encoders.items()]
            table.write(pa.record_batch(columns, schema=schema))
    return len(ids)


def _number_products(folder: Path) -> pa.Array:
    """Write each row's product as its number; return the ids, in the order of their numbers."""
    with pa.memory_map(str(folder / "products.arrow")) as source:
        column = pa.ipc.open_file(source).read_all()["product_id"]
        encoded = column.dictionary_encode().unify_dictionaries()
        header = {"descr": "<i4", "fortran_order": False, "shape": (len(column),)}
        with (folder / "product_rows.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in encoded.chunks:
                file.write(chunk.indices.to_numpy().astype("<i4").tobytes())
        return encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], pa.string())


def _batches(ids: pa.Array, view: CatalogView) -> Iterator[list[Product]]:
    """Yield the products in order."""
    for start in range(0, len(ids), _BATCH):
        wanted = ids.slice(start, _BATCH).to_pylist()
        found = view.get_many(wanted)
        yield [found[id_].product for id_ in wanted]


def _fields_first(item: tuple[str, Kind]) -> tuple[int, str]:
    key, _ = item
    return (FIELDS.index(key) if key in FIELDS else len(FIELDS)), key


class _Encoder:
    """Turns one field's values into Arrow arrays of one type."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._codes = None if kind.many or kind.is_number or kind.is_truth else kind.distinct
        self._dictionary = pa.array(list(self._codes or ()), pa.string())
        scalar = {"number": pa.float64(), "truth": pa.bool_(), "text": pa.string()}[kind.holds]
        if self._codes is not None:
            self.type = pa.dictionary(pa.int32(), pa.string())
        else:
            self.type = pa.list_(scalar) if kind.many else scalar

    def encode(self, values: list[AttributeValue | None]) -> pa.Array:
        """Return one row a value, null where there is none."""
        kind = self._kind.holds
        if self._kind.many:
            lists = [v if v is None or isinstance(v, tuple) else (v,) for v in values]
            return pa.array([as_kind(each, kind) for each in lists], self.type)
        scalars = [as_kind(None if isinstance(v, tuple) else v, kind) for v in values]
        if self._codes is None:
            return pa.array(scalars, self.type)
        codes = pa.array([s if s is None else self._codes.get(str(s)) for s in scalars], pa.int32())
        return pa.DictionaryArray.from_arrays(codes, self._dictionary)
