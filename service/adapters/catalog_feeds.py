"""What the feeds of known layout have in common: their columns are known, so are their prices.

known columns + mapping -> ColumnPlan;  cell -> price and currency | refused
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from service.adapters.catalog_cells import price_and_currency
from service.adapters.catalog_columns import REQUIRED, ColumnPlan, plan_columns
from service.core.errors import CatalogSourceError

CATEGORY = "category"
"""Key of a record under which a feed puts the likelier of its columns for the category."""


def plan_feed(
    available: Sequence[str], known: Mapping[str, str], mapping: Mapping[str, str], source: Path
) -> ColumnPlan:
    """Find each field's column: as `mapping` says, else as is `known` of such a feed.

    The category is left to the feed, under the key `CATEGORY`, unless it is mapped.

    Raises:
        CatalogSourceError: as `plan_columns`.
    """
    taken = {column.casefold() for column in mapping.values()}
    own = {
        field: column
        for field, column in known.items()
        if column in available and (field in REQUIRED or column.casefold() not in taken)
    }
    plan = plan_columns(available, {**own, **mapping}, source)
    fields = dict(plan.fields)
    if CATEGORY not in mapping:
        fields[CATEGORY] = CATEGORY
    return replace(plan, fields=fields)


def prices(cells: Mapping[str, str], where: str) -> tuple[dict[str, float], str]:
    """Return the prices of one product by column, without empty cells, and their currency.

    Raises:
        CatalogSourceError: a cell is no price, or they are in two currencies.
    """
    found: dict[str, float] = {}
    currencies: dict[str, str] = {}
    for column, cell in cells.items():
        if not cell.strip():
            continue
        price, currency = price_and_currency(cell)
        if price is None:
            raise CatalogSourceError(
                f"{where}: {column} {cell.strip()!r} is no price; "
                "write a number and a currency, as 12.50 EUR, or nothing"
            )
        found[column] = price
        if currency:
            currencies.setdefault(currency, column)
    if len(currencies) > 1:
        told = " and ".join(f"{column} in {currency}" for currency, column in currencies.items())
        raise CatalogSourceError(f"{where}: a product has one currency, and here is {told}")
    return found, next(iter(currencies), "")
