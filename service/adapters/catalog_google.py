"""Catalogues as Google takes them: the CSV of Product Search, and feeds of Merchant Center.

    Product Search: image-uri, image-id, ..., labels -> labels as attributes -> CatalogRow a line
    Merchant Center: attributes by header -> pictures together -> CatalogRow a picture

After https://cloud.google.com/vision/product-search/docs/csv-format and
https://support.google.com/merchants/answer/7052112.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from service.adapters.catalog_columns import ColumnPlan, rows_of
from service.adapters.catalog_csv import CsvSource
from service.adapters.catalog_feeds import CATEGORY, plan_feed, prices
from service.core.errors import CatalogSourceError
from service.core.types import FIELDS, AttributeValue, CatalogRow

SEARCH_COLUMNS = (
    "image-uri",
    "image-id",
    "product-set-id",
    "product-id",
    "product-category",
    "product-display-name",
    "labels",
    "bounding-poly",
)
"""Of Product Search, in their order; the file has no header. The last may be many cells."""
_SEARCH_LEAST = 5
_SEARCH_KNOWN = {"id": "product-id", "image": "image-uri", "title": "product-display-name"}
_SEARCH_ATTRIBUTES = ("product-set-id", "product-category")
_DOMAIN = re.compile(r"(homegoods|apparel|toys|packagedgoods|general)(-v\d+)?")
_PLACE = re.compile(r"(gs|https?)://.+|.+\.(jpe?g|png|webp|gif|bmp)", re.IGNORECASE)

_MERCHANT_KNOWN = {"id": "id", "title": "title", "url": "link", "image": "image_link"} | {
    name: name for name in ("brand", "price", "availability")
}
_MERCHANT_PRICES = ("price", "sale_price")
_MORE_PICTURES = "additional_image_link"
_IN_BRACKETS = re.compile(r".*\[(.+)\]")


class ProductSearchSource(CsvSource):
    """Product Search's bulk import: a picture a line, further knowledge in `labels`."""

    @staticmethod
    def recognises(header: Sequence[str]) -> bool:
        """Whether a file begins so: by names of the columns, or by what is in the first line."""
        if _is_search_header(header):
            return True
        return (
            len(header) >= _SEARCH_LEAST
            and _PLACE.fullmatch(header[0]) is not None
            and _DOMAIN.fullmatch(header[4]) is not None
            and bool(header[3])
        )

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every line in order; raises CatalogSourceError."""
        lines = self._file.lines()
        if _is_search_header(self._file.header):
            next(lines)
        for where, values in lines:
            if len(values) < _SEARCH_LEAST:
                raise CatalogSourceError(
                    f"{where}: {len(values)} cells, where Product Search has at least "
                    f"{_SEARCH_LEAST}: {', '.join(SEARCH_COLUMNS[:_SEARCH_LEAST])}"
                )
            if any("=" in cell for cell in values[len(SEARCH_COLUMNS) - 1 :]):
                raise CatalogSourceError(
                    f'{where}: several labels stand in quotation marks: "color=red,style=men"'
                )
            yield from self._rows(dict(zip(SEARCH_COLUMNS, values, strict=False)), where)

    def _rows(self, cells: Mapping[str, str], where: str) -> Iterator[CatalogRow]:
        labels = _labels(cells.get("labels", ""), where)
        record = {**labels, **cells}
        record.setdefault(CATEGORY, cells["product-category"].strip())
        fields = {name: name for name in FIELDS} | dict(self._plan.fields)
        names = (*self._plan.attributes, *(name for name in labels if name not in FIELDS))
        plan = ColumnPlan(fields, names)
        yield from rows_of(record, plan, folder=self._file.path.parent, where=where)

    def _planned(self, columns: Mapping[str, str]) -> ColumnPlan:
        plan = plan_feed(SEARCH_COLUMNS, _SEARCH_KNOWN, columns, self._file.path)
        return replace(plan, attributes=_SEARCH_ATTRIBUTES)


class MerchantSource(CsvSource):
    """A feed of Merchant Center as text: a product a line, under names of attributes."""

    @staticmethod
    def recognises(header: Sequence[str]) -> bool:
        """Whether a file has those columns that Google asks of every product."""
        return {"id", "title", "link", "image_link"} <= set(map(_attribute_name, header))

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every picture in order; raises CatalogSourceError."""
        names = self._names
        for where, values in self._file.below_header():
            cells = defaultdict(list)
            for name, value in zip(names, values, strict=False):
                if value.strip():
                    cells[name].append(value.strip())
            record = _merchant_record(cells, self._plan.fields["image"], where)
            yield from rows_of(record, self._plan, folder=self._file.path.parent, where=where)

    @property
    def _names(self) -> list[str]:
        return [_attribute_name(name) for name in self._file.header]

    def _planned(self, columns: Mapping[str, str]) -> ColumnPlan:
        single = {*_MERCHANT_KNOWN.values(), *_MERCHANT_PRICES}
        seen: list[str] = []
        for name in self._names:
            if name and name != _MORE_PICTURES and (name in single or name not in seen):
                seen.append(name)  # what Google does not let repeat is refused where it does
        mapping = {field: _attribute_name(column) for field, column in columns.items()}
        plan = plan_feed(seen, _MERCHANT_KNOWN, mapping, self._file.path)
        kept = (name for name in plan.attributes if name != plan.fields.get("url"))
        return replace(plan, attributes=tuple(kept))


def _is_search_header(header: Sequence[str]) -> bool:
    return tuple(name.lower() for name in header[:_SEARCH_LEAST]) == SEARCH_COLUMNS[:_SEARCH_LEAST]


def _labels(cell: str, where: str) -> dict[str, AttributeValue]:
    """Read `style=women,color=red,color=blue`; a key that comes again has several values."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for pair in filter(None, map(str.strip, cell.split(","))):
        key, equals, value = map(str.strip, pair.partition("="))
        if not (key and equals):
            raise CatalogSourceError(f"{where}: labels are key=value,key=value, not {pair!r}")
        if value:
            found[key].append(value)
    return {key: _one_or_all(values) for key, values in found.items()}


def _merchant_record(cells: Mapping[str, list[str]], image: str, where: str) -> dict[str, object]:
    """Return a product by attribute: pictures together, the sale's price as a number."""
    record: dict[str, object] = {name: _one_or_all(values) for name, values in cells.items()}
    pictures = [*cells.get(image, ()), *_listed(cells.get(_MORE_PICTURES, ()))]
    record[image] = list(dict.fromkeys(pictures))
    found, _ = prices({name: cells[name][0] for name in _MERCHANT_PRICES if name in cells}, where)
    record.update({name: price for name, price in found.items() if name != "price"})
    if CATEGORY not in cells:
        google = [
            value for value in cells.get("google_product_category", ()) if not value.isdigit()
        ]
        record[CATEGORY] = next(iter([*cells.get("product_type", ()), *google]), "")
    return record


def _listed(cells: Sequence[str]) -> Iterator[str]:
    """Yield what stands between commas, in quotation marks where it has commas itself."""
    one_line = (",".join(cell.splitlines()) for cell in cells)
    for values in csv.reader(one_line, skipinitialspace=True):
        yield from filter(None, map(str.strip, values))


def _attribute_name(column: str) -> str:
    """Return Google's name of an attribute: of `Image link [image_link]`, `g:image link`, ..."""
    bracketed = _IN_BRACKETS.fullmatch(column)
    name = (bracketed[1] if bracketed else column).strip().lower()
    return name.removeprefix("g:").replace(" ", "_")


def _one_or_all(values: Sequence[str]) -> AttributeValue:
    return values[0] if len(values) == 1 else tuple(values)
