"""Whose columns a file of separated values has: told by its first line, or by the operator.

path -> CsvFile -> Product Search | Merchant Center | Shopify | columns of the shop's own
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from service.adapters.catalog_csv import CsvFile, CsvSource
from service.adapters.catalog_google import MerchantSource, ProductSearchSource
from service.adapters.catalog_shopify import ShopifySource


class CatalogFormat(StrEnum):
    """Whose columns: to be found out, the shop's own, or those of a known feed."""

    AUTO = "auto"
    PLAIN = "plain"
    GOOGLE = "google"
    MERCHANT = "merchant"
    SHOPIFY = "shopify"


_KNOWN: Mapping[CatalogFormat, type[ProductSearchSource | MerchantSource | ShopifySource]] = {
    CatalogFormat.GOOGLE: ProductSearchSource,
    CatalogFormat.MERCHANT: MerchantSource,
    CatalogFormat.SHOPIFY: ShopifySource,
}


def open_csv(path: Path, columns: Mapping[str, str], layout: CatalogFormat) -> CsvSource:
    """Open a file of separated values; `columns` maps fields of ours to columns of the file.

    Raises:
        CatalogSourceError: it cannot be read, or a column is missing.
    """
    file = CsvFile(path)
    if layout is CatalogFormat.AUTO:
        found = (kind for kind in _KNOWN.values() if kind.recognises(file.header))
        return next(found, CsvSource)(file, columns)
    return _KNOWN.get(layout, CsvSource)(file, columns)
