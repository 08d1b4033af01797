"""Shopify's product CSV: the lines of one handle are one product, its variants and its pictures.

    lines of one handle -> first of each field, all of each attribute, pictures in their order
                        -> CatalogRow a picture

After https://help.shopify.com/en/manual/products/import-export/using-csv. Shopify renamed most
columns; the older names are read as the newer ones, under which attributes are kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from service.adapters.catalog_cells import price_and_currency
from service.adapters.catalog_columns import ColumnPlan, rows_of
from service.adapters.catalog_csv import CsvSource
from service.adapters.catalog_feeds import CATEGORY, plan_feed, prices
from service.adapters.html_text import text_of
from service.core.types import AttributeValue, CatalogRow, Scalar

HANDLE, PICTURE, PRICE = "URL handle", "Product image URL", "Price"
VARIANT_PICTURE, POSITION, ALT_TEXT = "Variant image URL", "Image position", "Image alt text"
DESCRIPTION, TAGS, FULL_PRICE = "Description", "Tags", "Compare-at price"
RENAMED: Mapping[str, str] = {
    "handle": HANDLE,
    "body (html)": DESCRIPTION,
    "published": "Published on online store",
    "variant sku": "SKU",
    "variant barcode": "Barcode",
    "variant price": PRICE,
    "variant compare at price": FULL_PRICE,
    "variant taxable": "Charge tax",
    "variant tax code": "Tax code",
    "variant inventory tracker": "Inventory tracker",
    "variant inventory qty": "Inventory quantity",
    "variant inventory policy": "Continue selling when out of stock",
    "variant grams": "Weight value (grams)",
    "variant weight unit": "Weight unit for display",
    "variant requires shipping": "Requires shipping",
    "variant fulfillment service": "Fulfillment service",
    "image src": PICTURE,
    "variant image": VARIANT_PICTURE,
}
"""Newer names of columns by the older ones, in lower case."""
_NEWER = {name.lower(): name for name in (*RENAMED.values(), TAGS, POSITION, ALT_TEXT)} | {
    name.lower(): name for name in ("Title", "Vendor", "Product category", "Type", "Status")
}
_KNOWN = {"id": HANDLE, "title": "Title", "brand": "Vendor", "price": PRICE, "image": PICTURE}
_TELLING = {PICTURE, VARIANT_PICTURE, "Option1 name"}
_OPTION = re.compile(r"option(\d) (name|value|linked to)", re.IGNORECASE)
_NO_CHOICE = ("Title", "Default Title")
"""Name and value of the option that a product without variants has."""
_Line = Mapping[str, str]


class ShopifySource(CsvSource):
    """A product CSV exported from Shopify, or made for its import; one product in memory."""

    @staticmethod
    def recognises(header: Sequence[str]) -> bool:
        """Whether a file has handles, and a column that only Shopify's files have."""
        names = set(map(_newer_name, header))
        return HANDLE in names and bool(names & _TELLING)

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every picture of every product in order; raises CatalogSourceError."""
        handle = self._plan.fields["id"]
        names = self._names
        lines = (
            (where, dict(zip(names, map(str.strip, values), strict=False)))
            for where, values in self._file.below_header()
        )
        for _, group in groupby(lines, key=lambda line: line[1].get(handle, "")):
            yield from self._product(list(group))

    def _product(self, group: Sequence[tuple[str, _Line]]) -> Iterator[CatalogRow]:
        where, lines = group[0][0], list(map(itemgetter(1), group))
        for place, line in group:
            prices({name: line.get(name, "") for name in (PRICE, FULL_PRICE)}, place)
        prices(
            {f"{PRICE} of variant {n}": line.get(PRICE, "") for n, line in enumerate(lines, 1)},
            where,
        )
        record: dict[str, object] = {
            name: next(iter(_distinct(lines, name)), "") for name in self._plan.fields.values()
        }
        types = [*_distinct(lines, "Type"), *_distinct(lines, "Product category")]
        record[CATEGORY] = next(iter(types), "")
        record[self._plan.fields["image"]] = _pictures(lines, self._plan.fields["image"])
        attributes = _attributes(lines, self._plan.attributes)
        plan = replace(self._plan, attributes=())
        for row in rows_of(record, plan, folder=self._file.path.parent, where=where):
            yield replace(row, product=replace(row.product, attributes=attributes))

    @property
    def _names(self) -> list[str]:
        return list(map(_newer_name, self._file.header))

    def _planned(self, columns: Mapping[str, str]) -> ColumnPlan:
        newer = {field: _newer_name(column) for field, column in columns.items()}
        plan = plan_feed(list(filter(None, self._names)), _KNOWN, newer, self._file.path)
        told = {HANDLE, "Vendor", PICTURE, VARIANT_PICTURE, POSITION, ALT_TEXT}
        kept = (n for n in plan.attributes if n not in told and not _OPTION.fullmatch(n))
        return replace(plan, attributes=tuple(kept))


def _newer_name(column: str) -> str:
    name = column.strip()
    option = _OPTION.fullmatch(name)
    if option:
        return f"Option{option[1]} {option[2].lower()}"
    lower = name.lower()
    return RENAMED.get(lower, _NEWER.get(lower, name))


def _distinct(lines: Sequence[_Line], column: str) -> list[str]:
    return list(dict.fromkeys(value for line in lines if (value := line.get(column, ""))))


def _pictures(lines: Sequence[_Line], column: str) -> list[str]:
    """Return the product's pictures by position, those without one last, then the variants'."""
    placed = [(_position(line), line[column]) for line in lines if line.get(column)]
    placed.sort(key=itemgetter(0))
    ordered = [picture for _, picture in placed]
    return list(dict.fromkeys([*ordered, *_distinct(lines, VARIANT_PICTURE)]))


def _position(line: _Line) -> float:
    try:
        return float(line.get(POSITION, "") or "inf")
    except ValueError:
        return float("inf")


def _attributes(lines: Sequence[_Line], columns: Sequence[str]) -> dict[str, AttributeValue]:
    """Return each column's values over the lines, and each option's under the option's name."""
    found: dict[str, Sequence[Scalar]] = {name: _distinct(lines, name) for name in columns}
    if DESCRIPTION in found:
        found[DESCRIPTION] = list(filter(None, (text_of(str(html)) for html in found[DESCRIPTION])))
    if TAGS in found:
        tags = (tag.strip() for cell in found[TAGS] for tag in str(cell).split(","))
        found[TAGS] = list(dict.fromkeys(filter(None, tags)))
    if FULL_PRICE in found:
        amounts = (price_and_currency(cell)[0] for cell in found[FULL_PRICE])
        found[FULL_PRICE] = [price for price in dict.fromkeys(amounts) if price is not None]
    for number in range(1, 10):
        values = _distinct(lines, f"Option{number} value")
        for name in _distinct(lines, f"Option{number} name")[:1]:
            if (name, *values) != _NO_CHOICE and not found.get(name):
                found[name] = values
    return {
        name: tuple(values) if len(values) > 1 or name == TAGS else values[0]
        for name, values in found.items()
        if values
    }
